"""litert-torch, which writes TFLite files: called as a program of an environment of its own."""

from edgeprune.export.litert.convert import to_tflite
from edgeprune.export.litert.environment import converter_python, make_environment

__all__ = ["converter_python", "make_environment", "to_tflite"]

"""TFLite candidates: the base is converted once, and that file is sliced as its network is."""

from edgeprune.export.tflite_slicing.opening import open_slicer
from edgeprune.export.tflite_slicing.slicer import TfliteSlicer
from edgeprune.export.tflite_slicing.tagging import tagged

__all__ = ["TfliteSlicer", "open_slicer", "tagged"]

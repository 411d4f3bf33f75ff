"""All surfaces by name."""

from collections.abc import Callable, Mapping
from pathlib import Path

from tests.fuzz import documents
from tests.fuzz.answers import AnswerSurface
from tests.fuzz.nets import OnnxSurface, TfliteSurface
from tests.fuzz.surface import Surface

#: Each is made with a folder of its own, for what its seeds need.
SURFACES: Mapping[str, Callable[[Path], Surface]] = {
    "pipeline": lambda folder: documents.pipeline(),
    "target": lambda folder: documents.target(),
    "plan": lambda folder: documents.plan(),
    "bundle": lambda folder: documents.BundleSurface(),
    "history": documents.HistorySurface,
    "onnx": lambda folder: OnnxSurface(),
    "tflite": lambda folder: TfliteSurface(),
    "worker": lambda folder: AnswerSurface(),
}

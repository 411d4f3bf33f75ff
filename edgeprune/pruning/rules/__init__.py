"""How channel labels pass through the ONNX operators, one file per kind of operator."""

from edgeprune.pruning.flow import RULES
from edgeprune.pruning.rules import (
    elementwise,
    indexing,
    layers,
    normalisation,
    recurrent,
    reshaping,
    resizing,
    splitting,
)

__all__ = [
    "RULES",
    "elementwise",
    "indexing",
    "layers",
    "normalisation",
    "recurrent",
    "reshaping",
    "resizing",
    "splitting",
]

"""Export: written artifacts, their verification, and the bundle that a run hands over."""

from edgeprune.export.bundle import FILES, load_bundle, load_weights, read_manifest
from edgeprune.export.lint import OnnxLint, lint_onnx
from edgeprune.export.verification import (
    Verification,
    compare_file,
    compare_onnx,
    inexact,
    verify_onnx,
)

__all__ = [
    "FILES",
    "OnnxLint",
    "Verification",
    "compare_file",
    "compare_onnx",
    "inexact",
    "lint_onnx",
    "load_bundle",
    "load_weights",
    "read_manifest",
    "verify_onnx",
]

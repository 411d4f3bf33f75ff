"""Export: written artifacts, their verification, and the bundle that a run hands over."""

from edgeprune.export.bundle import FILES, load_bundle, read_manifest
from edgeprune.export.verification import Verification, verify_onnx

__all__ = ["FILES", "Verification", "load_bundle", "read_manifest", "verify_onnx"]

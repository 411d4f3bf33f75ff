"""TVM: a library for a target's triple, compiled and tuned from the ONNX file of a precision."""

from collections.abc import Sequence
from pathlib import Path

import onnx

from edgeprune.config import TargetConfig
from edgeprune.devices.artifacts import Note, quiet
from edgeprune.devices.tvm import compile_library, kernel_tasks, require_tvm, target_of
from edgeprune.devices.tvm.artifact import compiled
from edgeprune.devices.tvm.host import compiler_for
from edgeprune.devices.tvm.library import header_of
from edgeprune.errors import MeasurementError, WorkloadError
from edgeprune.export.formats.onnx import OnnxFormat
from edgeprune.export.formats.protocol import Made, Source
from edgeprune.export.formats.tvm_library import (
    DESCRIPTION,
    TvmLint,
    described,
    is_foreign,
    library_runner,
    lint_library,
)
from edgeprune.export.verification import Runner
from edgeprune.quantization import CalibrationImages

#: Modules that a message repeats.
_TOLD = 3


class TvmFormat:
    """See `Format`; runs in TVM's runtime, image by image.

    Args:
        target: what is compiled for; kernels that are not tuned for it are tuned on the way,
            unless its profile has ``tvm.allow_untuned``.
        note: told of every kernel that is tuned.

    Raises:
        TargetError: the extra ``tvm`` or the compiler is not installed.
    """

    def __init__(self, target: TargetConfig, note: Note = quiet) -> None:
        require_tvm()
        self._target = target.model_copy(update={"runtime": "tvm"})
        self._own, self._note = target_of(target), note
        compiler_for(self._own, target.tvm.cross_compiler)
        self._onnx = OnnxFormat()

    def convert(
        self,
        source: Source,
        precision: str,
        images: CalibrationImages | None = None,
        keep_float: Sequence[str] = (),
    ) -> Made:
        """See `Format.convert`; names of layers are those of the ONNX file's nodes."""
        content = self._onnx.convert(source, precision, images, keep_float).content
        try:
            artifact = compiled(self._target, content, self._note).content
            tasks = kernel_tasks(content, self._own)
        except MeasurementError as error:
            raise WorkloadError(_refusal(str(error), content)) from error
        transposes = sum(one.weight for one in tasks if one.name.endswith("transpose"))
        about = {"target": self._own, "precision": precision, "transposes": transposes}
        stand_in = None
        if is_foreign(artifact):
            own = compile_library(content, {"kind": "llvm", "num-cores": 1})
            stand_in = _made(own, about | {"target": {"kind": "llvm"}})
        return _made(artifact, about, stand_in)

    def run(self, path: Path) -> Runner:
        """See `Format.run`."""
        return library_runner(path)

    def lint(self, path: Path) -> TvmLint:
        """See `Format.lint`."""
        return lint_library(path)

    def noise(self, source: Source, made: Made, images: CalibrationImages) -> dict[str, float]:
        """See `Format.noise`: that of the ONNX file which the library is compiled from."""
        quantized = self._onnx.convert(source, "int8", images)
        return self._onnx.noise(source, quantized, images)


def _made(artifact: bytes, about: dict[str, object], stand_in: Made | None = None) -> Made:
    library, description = described(artifact, about)
    header = header_of(artifact)
    details = {
        "target": about["target"],
        "tvm": header["tvm"],
        "kernels": header["kernels"],
        "untuned": len(header["untuned"]),
    }
    return Made(library, {DESCRIPTION: description}, details, stand_in)


def _refusal(said: str, content: bytes) -> str:
    """What TVM said, with the modules of the operators that it names."""
    nodes = onnx.load_model_from_string(content).graph.node
    words = set(said.replace(",", " ").replace("'", " ").replace(".", " ").split())
    named = [f"{one.op_type} of {one.name}" for one in nodes if one.op_type in words]
    if not named:
        return said
    more = ", …" if len(named) > _TOLD else ""
    return f"{said} ({', '.join(named[:_TOLD])}{more})"

"""ONNX: float32 is given; float16 and int8 are made from it."""

from collections.abc import Sequence
from pathlib import Path

from edgeprune.errors import VerificationError
from edgeprune.export.formats.protocol import Made, Source
from edgeprune.export.lint import OnnxLint, lint_onnx
from edgeprune.export.verification import Runner, onnx_runner
from edgeprune.quantization import CalibrationImages, layer_noise, to_float16, to_int8


class OnnxFormat:
    """See `Format`; runs in ONNX Runtime."""

    def convert(
        self,
        source: Source,
        precision: str,
        images: CalibrationImages | None = None,
        keep_float: Sequence[str] = (),
    ) -> Made:
        """See `Format.convert`; names of layers are those of the folded file's nodes."""
        if precision == "float16":
            return Made(to_float16(source.onnx))
        if precision == "int8" and images is not None:
            return Made(to_int8(source.onnx, images, keep_float))
        return Made(source.onnx)

    def run(self, path: Path) -> Runner:
        """See `Format.run`."""
        return onnx_runner(path)

    def lint(self, path: Path) -> OnnxLint:
        """See `Format.lint`."""
        try:
            return lint_onnx(path.read_bytes())
        except VerificationError as error:
            msg = f"{path} cannot be read: {error}"
            raise VerificationError(msg) from error

    def noise(self, source: Source, made: Made, images: CalibrationImages) -> dict[str, float]:
        """See `Format.noise`."""
        return layer_noise(source.onnx, made.content, images)

"""TFLite: float32 by litert-torch, float16 and int8 from it by ai-edge-quantizer."""

from collections.abc import Sequence
from importlib import metadata
from pathlib import Path

from edgeprune.errors import VerificationError
from edgeprune.export.formats.protocol import Made, Source
from edgeprune.export.litert import to_tflite
from edgeprune.export.litert.environment import LITERT_TORCH
from edgeprune.export.tflite_lint import TfliteLint, lint_tflite
from edgeprune.export.verification import Runner, one_input
from edgeprune.quantization import CalibrationImages
from edgeprune.quantization.tflite_graph import require_litert
from edgeprune.quantization.tflite_noise import tflite_layer_noise
from edgeprune.quantization.tflite_precisions import to_tflite_float16, to_tflite_int8
from edgeprune.quantization.tflite_running import TfliteFile
from edgeprune.tensors import single


class TfliteFormat:
    """See `Format`; runs in ai-edge-litert, image by image.

    Raises:
        TargetError: the extra ``tflite`` is not installed.
    """

    def __init__(self) -> None:
        require_litert()
        self._float32: tuple[Source, Made] | None = None

    def convert(
        self,
        source: Source,
        precision: str,
        images: CalibrationImages | None = None,
        keep_float: Sequence[str] = (),
    ) -> Made:
        """See `Format.convert`; names of layers are the torch modules' paths."""
        plain = self._plain(source)
        if precision == "float32":
            return plain
        if precision == "int8" and images is not None:
            content = to_tflite_int8(plain.content, images, keep_float)
        else:
            content = to_tflite_float16(plain.content)
        quantizer = "ai-edge-quantizer " + metadata.version("ai-edge-quantizer")
        return Made(content, details={**plain.details, "quantizer": quantizer})

    def run(self, path: Path) -> Runner:
        """See `Format.run`."""
        try:
            file = TfliteFile(path.read_bytes())
        except VerificationError as error:
            msg = f"{path} cannot be run: {error}"
            raise VerificationError(msg) from error
        return lambda images: file(one_input(images, "TFLite"))

    def lint(self, path: Path) -> TfliteLint:
        """See `Format.lint`."""
        try:
            return lint_tflite(path.read_bytes())
        except VerificationError as error:
            msg = f"{path} cannot be read: {error}"
            raise VerificationError(msg) from error

    def noise(self, source: Source, made: Made, images: CalibrationImages) -> dict[str, float]:
        """See `Format.noise`."""
        return tflite_layer_noise(self._plain(source).content, made.content, images)

    def _plain(self, source: Source) -> Made:
        """The float32 file; converting takes seconds, so the last one is kept."""
        if (given := source.files.get("tflite")) is not None:
            return Made(given, details={"converter": f"litert-torch {LITERT_TORCH}, sliced"})
        if self._float32 is None or self._float32[0] is not source:
            content, version = to_tflite(source.model, single(source.example, "TFLite"))
            made = Made(content, details={"converter": f"litert-torch {version}"})
            self._float32 = (source, made)
        return self._float32[1]

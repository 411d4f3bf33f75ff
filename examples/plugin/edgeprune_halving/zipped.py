"""A format and a runtime by entry points: ONNX files as boards with little flash keep them."""

import tempfile
import zlib
from collections.abc import Sequence
from pathlib import Path

from edgeprune.config import TargetConfig
from edgeprune.devices.artifacts import Artifact, Note
from edgeprune.devices.runtimes import RuntimeSpec
from edgeprune.errors import VerificationError
from edgeprune.export.formats import Format, FormatSpec, Made, Source
from edgeprune.export.formats.onnx import OnnxFormat
from edgeprune.export.lint import OnnxLint, lint_onnx
from edgeprune.export.verification import Runner
from edgeprune.quantization import CalibrationImages


class ZippedFormat(OnnxFormat):
    """An ONNX file in zlib's form."""

    def convert(
        self,
        source: Source,
        precision: str,
        images: CalibrationImages | None = None,
        keep_float: Sequence[str] = (),
    ) -> Made:
        """Make a file."""
        return Made(zlib.compress(super().convert(source, precision, images, keep_float).content))

    def run(self, path: Path) -> Runner:
        """Open a written file."""
        with tempfile.NamedTemporaryFile(suffix=".onnx") as plain:
            plain.write(_plain(path))
            plain.flush()
            return super().run(Path(plain.name))

    def lint(self, path: Path) -> OnnxLint:
        """Look a written file over."""
        return lint_onnx(_plain(path))

    def noise(self, source: Source, made: Made, images: CalibrationImages) -> dict[str, float]:
        """Signal to quantisation noise of every layer."""
        return super().noise(source, Made(zlib.decompress(made.content)), images)


def _plain(path: Path) -> bytes:
    try:
        return zlib.decompress(path.read_bytes())
    except zlib.error as error:
        msg = f"{path} is damaged: {error}"
        raise VerificationError(msg) from error


def _open(target: TargetConfig, note: Note) -> Format:
    return ZippedFormat()


def _artifact(target: TargetConfig, model: bytes, note: Note) -> Artifact:
    """A search sends ONNX files, which are packed on the way."""
    packed = model[:1] == zlib.compress(b"")[:1]
    return Artifact(model if packed else zlib.compress(model))


FORMAT = FormatSpec("zipped", ".onnxz", _open)
RUNTIME = RuntimeSpec(
    "zipped", ("zipped", "onnx"), "edgeprune_halving.zipped_worker", artifact=_artifact
)

"""Int8 ONNX files by static quantisation: QuantizeLinear and DequantizeLinear around operators.

Weights are symmetric, activations asymmetric: what ONNX Runtime's CPU kernels are fastest with.
"""

import contextlib
import io
import logging
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import onnx
from onnxruntime.quantization import (
    CalibrationDataReader,
    CalibrationMethod,
    QuantFormat,
    QuantType,
    quant_pre_process,
    quantize_static,
)

from edgeprune.config.calibration import CalibrationConfig
from edgeprune.processor import takes_unsigned, weight_bits
from edgeprune.quantization.images import CalibrationImages

_METHODS = {
    "minmax": CalibrationMethod.MinMax,
    "entropy": CalibrationMethod.Entropy,
    "percentile": CalibrationMethod.Percentile,
}


def to_int8(
    content: bytes,
    images: CalibrationImages,
    keep_float: Sequence[str] = (),
    ranges: Path | None = None,
) -> bytes:
    """Quantise an ONNX file.

    Args:
        content: a float32 ONNX file.
        images: calibration images with their recipe.
        keep_float: nodes of `folded` that stay in float beside those of the recipe.
        ranges: file of the activations' ranges. One that is there is used in place of the images,
            whatever network of the same graph it was made from; else it is written.

    Returns:
        The int8 file; its input and output stay float32.
    """
    recipe = for_processor(images.recipe)
    unsigned, bits = recipe.activations == "unsigned", recipe.weight_bits
    with tempfile.TemporaryDirectory(prefix="edgeprune-int8-") as name, _quiet():
        source, target = Path(name, "float.onnx"), Path(name, "int8.onnx")
        source.write_bytes(folded(content))
        model = onnx.load(str(source))
        quantize_static(
            str(source),
            str(target),
            _Reader([one.name for one in model.graph.input], images),
            quant_format=QuantFormat.QDQ,
            per_channel=recipe.per_channel,
            activation_type=QuantType.QUInt8 if unsigned else QuantType.QInt8,
            weight_type=QuantType.QInt8,
            reduce_range=bits == 7,
            calibrate_method=_METHODS[recipe.method],
            calibration_cache_path=ranges,
            nodes_to_exclude=[*keep_float, *_excluded(model, recipe)],
            extra_options={
                "WeightSymmetric": True,
                "ActivationSymmetric": False,
                # One batch at a time, whatever the method: memory does not grow with the images.
                "CalibStridedMinMax": 1,
                "CalibPercentile": recipe.percentile,
            },
        )
        return target.read_bytes()


def for_processor(
    recipe: CalibrationConfig, facts: Mapping[str, Any] | None = None
) -> CalibrationConfig:
    """The recipe, with what it leaves to the processor filled in.

    Args:
        recipe: as the user wrote it.
        facts: what the device says of itself; None: files run on this machine.
    """
    found: dict[str, Any] = {}
    if recipe.activations == "device":
        found["activations"] = "unsigned" if takes_unsigned(facts) else "signed"
    if recipe.weight_bits == "device":
        found["weight_bits"] = weight_bits(facts)
    return recipe.model_copy(update=found)


def folded(content: bytes) -> bytes:
    """The file with batch normalisation folded into convolutions, as quantisation wants it."""
    with tempfile.TemporaryDirectory(prefix="edgeprune-fold-") as name, _quiet():
        source, target = Path(name, "model.onnx"), Path(name, "folded.onnx")
        source.write_bytes(content)
        quant_pre_process(str(source), str(target), skip_symbolic_shape=True)
        return target.read_bytes()


class _Reader(CalibrationDataReader):  # type: ignore[misc]
    """Feeds batches; onnxruntime asks for one range of them after another."""

    def __init__(self, names: Sequence[str], images: CalibrationImages) -> None:
        self._names, self._images = names, images
        self._batches = images.fed(names)
        self._left = images.batch_count

    def __len__(self) -> int:
        return self._images.batch_count

    def set_range(self, start_index: int, end_index: int) -> None:
        """The next batches; they are asked for in order."""
        if start_index == 0:
            self._batches = self._images.fed(self._names)
        self._left = end_index - start_index

    def get_next(self) -> dict[str, Any] | None:
        """The next batch of the range."""
        if self._left == 0:
            return None
        self._left -= 1
        return next(self._batches, None)


def _excluded(model: onnx.ModelProto, recipe: CalibrationConfig) -> list[str]:
    """Nodes whose operator or layer the recipe keeps in float."""
    return [
        node.name
        for node in model.graph.node
        for pattern in recipe.keep_float
        if node.op_type == pattern or any(fnmatchcase(name, pattern) for name in _names(node))
    ]


def _names(node: onnx.NodeProto) -> list[str]:
    """The node's own name, and that of the torch module whose weight it reads."""
    weights = [name.removesuffix(".weight") for name in node.input if name.endswith(".weight")]
    return [node.name, *weights]


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Without its advice, which is for people who call it by hand, and what it prints."""
    logger, level = logging.getLogger(), logging.getLogger().level
    logger.setLevel(logging.ERROR)
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            yield
    finally:
        logger.setLevel(level)

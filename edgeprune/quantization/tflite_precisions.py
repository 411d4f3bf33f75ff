"""TFLite files of lower precision, made from a float32 one by ai-edge-quantizer."""

import contextlib
import io
import json
import logging
import re
import warnings
from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeprune.config.calibration import CalibrationConfig
from edgeprune.errors import ConfigError
from edgeprune.quantization.images import CalibrationImages
from edgeprune.quantization.tflite_graph import TfliteGraph, TfliteOperator, read_tflite

#: ONNX's operators, which recipes may name, as TFLite calls them.
_ALSO_CALLED = {
    "Conv": ("CONV_2D", "DEPTHWISE_CONV_2D"),
    "Gemm": ("FULLY_CONNECTED",),
    "MatMul": ("FULLY_CONNECTED", "BATCH_MATMUL"),
    "Add": ("ADD",),
    "GlobalAveragePool": ("MEAN",),
}


def to_tflite_float16(content: bytes) -> bytes:
    """Weights in half precision, which the runtime widens when it loads the file.

    Args:
        content: a float32 TFLite file.
    """
    from ai_edge_quantizer import qtyping, quantizer

    weights = qtyping.TensorQuantizationConfig(num_bits=16, dtype=qtyping.TensorDataType.FLOAT)
    made = quantizer.Quantizer(content)
    made.update_quantization_recipe(
        ".*",
        qtyping.TFLOperationName.ALL_SUPPORTED,
        qtyping.OpQuantizationConfig(
            weight_tensor_config=weights,
            compute_precision=qtyping.ComputePrecision.FLOAT,
            explicit_dequantize=True,
        ),
        quantizer.AlgorithmName.FLOAT_CASTING,
    )
    with _quiet():
        return bytes(made.quantize(enable_progress_report=False).quantized_model)


def to_tflite_int8(
    content: bytes,
    images: CalibrationImages,
    keep_float: Sequence[str] = (),
    ranges: Path | None = None,
) -> bytes:
    """Full integer: weights, activations, input and output; what cannot be stays in float.

    Args:
        content: a float32 TFLite file with one input.
        images: calibration images with their recipe; one at a time is in memory.
        keep_float: layers that stay in float beside those of the recipe.
        ranges: file of the activations' ranges. One that is there is used in place of the images,
            whatever network was cut from the one that it was made from; else it is written.

    Raises:
        ConfigError: the recipe wants a method that the quantiser does not have.
    """
    from ai_edge_quantizer import quantizer

    graph = read_tflite(content)
    settings = _settings(images.recipe, graph, keep_float)
    with _quiet():
        if ranges is not None and ranges.exists():
            found = _known_ranges(ranges, graph)
        else:
            found = _calibrated(content, images, graph, settings)
            if ranges is not None:
                _keep_ranges(ranges, graph, found)
        made = quantizer.Quantizer(content, settings)
        result = made.quantize(found, enable_progress_report=False)
    return bytes(result.quantized_model)


def _calibrated(
    content: bytes, images: CalibrationImages, graph: TfliteGraph, settings: list[dict[str, Any]]
) -> dict[str, Any]:
    """The ranges of all tensors over the images."""
    from ai_edge_quantizer import calibrator
    from ai_edge_quantizer.recipe_manager import RecipeManager
    from ai_edge_quantizer.utils import qsv_utils

    manager = RecipeManager()
    manager.load_quantization_recipe(settings)
    # Used directly: its owner, `Quantizer.calibrate`, keeps all images in a list.
    ranges = calibrator.Calibrator(
        content,
        num_threads=1,
        mode=calibrator.CalibrationMode.CALIBRATION_PROFILER_BASED,
        qsv_update_func=qsv_utils.min_max_update,
    )
    signature, name = _input_of(ranges)
    for batch in images.batches():
        for image in for_input(batch, graph.inputs[0].shape):
            ranges.calibrate({signature: [{name: image}]}, manager)
    found: dict[str, Any] = ranges.get_model_qsvs()
    return found


def _keep_ranges(path: Path, graph: TfliteGraph, found: Mapping[str, Any]) -> None:
    """Of the activations alone: constants are each candidate's own."""
    kept = {
        name: {end: np.asarray(one[end]).tolist() for end in ("min", "max")}
        for name, one in found.items()
        if name in _computed(graph)
    }
    path.write_text(json.dumps(kept), "utf-8")


def _known_ranges(path: Path, graph: TfliteGraph) -> dict[str, Any]:
    kept, there = json.loads(path.read_text("utf-8")), _computed(graph)
    return {
        name: {end: np.array(values, np.float32) for end, values in one.items()}
        for name, one in kept.items()
        if name in there
    }


def _computed(graph: TfliteGraph) -> set[str]:
    """Names of the tensors that are no constants."""
    tensors = [*graph.inputs, *(one for node in graph.operators for one in node.outputs)]
    return {one.name for one in tensors}


def for_input(images: NDArray[np.float32], shape: tuple[int, ...]) -> Iterator[NDArray[np.float32]]:
    """Images (N, C, H, W) one by one as a file takes them, channels first or last.

    Args:
        images: float32.
        shape: of the file's input.

    Raises:
        ValueError: the file takes other images.
    """
    first = (1, *images.shape[1:])
    last = (1, *images.shape[2:], images.shape[1])
    if shape not in {first, last}:
        msg = f"the file takes {shape}; the images are {first}"
        raise ValueError(msg)
    for image in images if shape == first else images.transpose(0, 2, 3, 1):
        yield np.ascontiguousarray(image[None])


def _settings(
    recipe: CalibrationConfig, graph: TfliteGraph, keep_float: Sequence[str]
) -> list[dict[str, Any]]:
    """The recipe as the quantiser has it: a later rule wins over an earlier one."""
    from ai_edge_quantizer import qtyping
    from ai_edge_quantizer.algorithm_manager import AlgorithmName
    from ai_edge_quantizer.recipe_manager import RecipeManager

    if recipe.method != "minmax":
        msg = (
            f"calibration recipe {recipe.name!r}: method is {recipe.method!r}, which "
            "ai-edge-quantizer does not have; allowed for TFLite: minmax"
        )
        raise ConfigError(msg)
    sizes = qtyping.QuantGranularity
    rules = RecipeManager()
    rules.add_static_config(
        ".*",
        qtyping.TFLOperationName.ALL_SUPPORTED,
        activation_num_bits=8,
        weight_num_bits=8,
        weight_granularity=sizes.CHANNELWISE if recipe.per_channel else sizes.TENSORWISE,
    )
    for operator in graph.operators:
        if operator.layer in keep_float or _matches(operator, recipe.keep_float):
            # The quantiser knows an operator by the names of what it writes, each with a ";".
            scope = "^" + "".join(re.escape(one.name) + ";?" for one in operator.outputs) + "$"
            rules.add_quantization_config(
                scope,
                qtyping.TFLOperationName.ALL_SUPPORTED,
                algorithm_key=AlgorithmName.NO_QUANTIZE,
            )
    found: list[dict[str, Any]] = rules.get_quantization_recipe()
    return found


def _matches(operator: TfliteOperator, patterns: Sequence[str]) -> bool:
    return any(
        pattern == operator.kind
        or operator.kind in _ALSO_CALLED.get(pattern, ())
        or fnmatchcase(operator.layer, pattern)
        for pattern in patterns
    )


def _input_of(ranges: Any) -> tuple[str, str]:
    """The file's signature, and what it calls its input."""
    (signature,) = ranges.get_signature_list()
    names = ranges._tfl_interpreter.get_signature_list()[signature]["inputs"]
    return str(signature), str(names[0])


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Without its progress bars and advice."""
    logger, level = logging.getLogger(), logging.getLogger().level
    logger.setLevel(logging.ERROR)
    try:
        with (
            contextlib.redirect_stdout(io.StringIO()),
            contextlib.redirect_stderr(io.StringIO()),
            warnings.catch_warnings(),
        ):
            warnings.simplefilter("ignore", UserWarning)
            yield
    finally:
        logger.setLevel(level)

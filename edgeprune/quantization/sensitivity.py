"""Which layers int8 hurts most: signal to quantisation noise, layer by layer."""

import math
from typing import Any

import numpy as np
import onnx
import onnxruntime

from edgeprune.quantization.images import CalibrationImages
from edgeprune.quantization.int8 import folded

#: Batches that are enough to order layers.
_BATCHES = 2
#: What onnxruntime adds to the name of a tensor that went through int8.
_QUANTIZED = "_DequantizeLinear_Output"


def layer_noise(content: bytes, quantized: bytes, images: CalibrationImages) -> dict[str, float]:
    """Signal to noise of every layer's output in the int8 file, as against the float file.

    The noise of earlier layers is in it: a layer that is far below the one before it hurts.

    Args:
        content: the float32 ONNX file.
        quantized: the int8 file made from it.
        images: what both are run on.

    Returns:
        Decibels by node name of the folded file, the noisiest first; only nodes with weights.
    """
    source, target = onnx.load_from_string(folded(content)), onnx.load_from_string(quantized)
    outputs = _outputs(source, target)
    exact = _run(source, list(outputs.values()), images)
    noisy = _run(target, [one + _QUANTIZED for one in outputs.values()], images)
    found = {name: decibels(exact[one], noisy[one + _QUANTIZED]) for name, one in outputs.items()}
    return dict(sorted(found.items(), key=lambda pair: pair[1]))


def _outputs(source: onnx.ModelProto, target: onnx.ModelProto) -> dict[str, str]:
    """For every layer the tensor that is quantised: its output, or what a ReLU makes of it."""
    weights = {tensor.name for tensor in source.graph.initializer}
    made = {name for node in target.graph.node for name in node.output}
    readers: dict[str, list[onnx.NodeProto]] = {}
    for node in source.graph.node:
        for name in node.input:
            readers.setdefault(name, []).append(node)
    found = {}
    for node in source.graph.node:
        if node.op_type not in {"Conv", "Gemm", "MatMul"} or not weights.intersection(node.input):
            continue
        tensor = node.output[0]
        while tensor + _QUANTIZED not in made and len(readers.get(tensor, [])) == 1:
            tensor = readers[tensor][0].output[0]
        if tensor + _QUANTIZED in made:
            found[node.name] = tensor
    return found


def _run(
    model: onnx.ModelProto, wanted: list[str], images: CalibrationImages
) -> dict[str, list[np.ndarray[Any, Any]]]:
    """Tensors inside a model, batch by batch."""
    known = {value.name for value in model.graph.output}
    model.graph.output.extend(
        onnx.ValueInfoProto(name=name) for name in dict.fromkeys(wanted) if name not in known
    )
    options = onnxruntime.SessionOptions()
    # Fusing would take away the very tensors that are asked for.
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    fed = images.fed([one.name for one in session.get_inputs()])
    found: dict[str, list[np.ndarray[Any, Any]]] = {one: [] for one in wanted}
    names = list(found)
    for _, batch in zip(range(_BATCHES), fed, strict=False):
        for one, value in zip(names, session.run(names, batch), strict=True):
            found[one].append(value)
    return found


def decibels(exact: list[np.ndarray[Any, Any]], noisy: list[np.ndarray[Any, Any]]) -> float:
    """Signal to noise of values that should have been others."""
    signal = sum(float(np.square(one, dtype=np.float64).sum()) for one in exact)
    noise = sum(
        float(np.square(one.astype(np.float64) - other).sum())
        for one, other in zip(exact, noisy, strict=True)
    )
    return 10 * math.log10(max(signal, 1e-30) / max(noise, 1e-30))

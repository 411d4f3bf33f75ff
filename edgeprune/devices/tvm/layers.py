"""TVM's kernels back to the layers of the ONNX file they were compiled from."""

import math
from collections.abc import Iterable, Sequence

import onnx

from edgeprune.devices.layer_names import mean_ms, node_name, parsed
from edgeprune.devices.measurement import LayerTime
from edgeprune.devices.tensor_shapes import read_shapes
from edgeprune.errors import MeasurementError

_WEIGHTED = frozenset({"Conv", "ConvTranspose", "Gemm", "MatMul"})
#: Sizes of a layer's weights, in ascending order, as they may be transposed, and how many elements
#: it writes.
_Shape = tuple[tuple[int, ...], int]


def tvm_layer_times(
    model: bytes, kernels: Iterable[tuple[str, str, Sequence[float]]]
) -> list[LayerTime]:
    """Times by layer.

    TVM keeps no names. A kernel that reads weights is of the first layer, in the network's order,
    whose weights and outputs are of its sizes and which has no kernel yet: layers of one shape may
    be taken for each other where a network branches.

    Args:
        model: the ONNX file.
        kernels: function, shapes of what it is given and fills, and microseconds of each run.

    Returns:
        One entry per layer, in the order in which they ran, and per function of TVM's that is of
        none.

    Raises:
        MeasurementError: it is no ONNX file, or onnx cannot follow its shapes.
    """
    layers = _layers(parsed(model))
    found: dict[str, LayerTime] = {}
    for function, text, microseconds in kernels:
        name, operator = function, function.removeprefix("fused_")
        for shape in _read(text):
            if layers.get(shape):
                name, operator = layers[shape].pop(0)
                break
        before = found[name].ms if name in found else 0.0
        found[name] = LayerTime(name, operator, before + mean_ms(microseconds))
    return list(found.values())


def _layers(model: onnx.ModelProto) -> dict[_Shape, list[tuple[str, str]]]:
    """Names and operators of the layers of each shape."""
    nodes = [node for node in model.graph.node if node.op_type in _WEIGHTED]
    try:
        shapes, weights = read_shapes(model)
    except Exception as error:
        msg = f"the layers of the model cannot be read: {error}"
        raise MeasurementError(msg) from error
    found: dict[_Shape, list[tuple[str, str]]] = {}
    for node in nodes:
        if node.input[1] in weights and node.output[0] in shapes:
            shape = _shape(shapes[node.input[1]], shapes[node.output[0]])
            found.setdefault(shape, []).append((node_name(node), node.op_type))
    return found


def _read(text: str) -> list[_Shape]:
    """What a kernel may be, by each of the tensors that it reads after its input."""
    try:
        tensors = [[int(size) for size in one.split(",")] for one in text.split()]
    except ValueError:  # of a tensor without sizes, say
        return []
    return [_shape(one, tensors[-1]) for one in tensors[1:-1]]


def _shape(weights: Sequence[int], written: Sequence[int]) -> _Shape:
    return tuple(sorted(weights)), math.prod(written)

"""Shapes of all tensors in an ONNX file, for those who count its work."""

import math
from collections.abc import Iterator

import onnx
from onnx import shape_inference

Shapes = dict[str, tuple[int, ...]]

#: Initialisers up to this many elements are kept for shape inference: shapes, axes, pads.
_SMALL = 64


def read_shapes(model: onnx.ModelProto) -> tuple[Shapes, set[str]]:
    """Shapes by name, a free dimension as 1, and which of the names are weights.

    Args:
        model: its large weights are taken out.

    Raises:
        Exception: whatever onnx's shape inference raises on a model that it cannot follow.
    """
    shapes: Shapes = {entry.name: tuple(entry.dims) for entry in model.graph.initializer}
    weights = set(shapes)
    _drop_weights(model.graph)
    inferred = shape_inference.infer_shapes(model, data_prop=True).graph
    for value in (*inferred.input, *inferred.value_info, *inferred.output):
        if value.type.tensor_type.HasField("shape"):
            dims = value.type.tensor_type.shape.dim
            shapes.setdefault(value.name, tuple(size.dim_value or 1 for size in dims))
    return shapes, weights


def running_nodes(graph: onnx.GraphProto, constants: set[str]) -> Iterator[onnx.NodeProto]:
    """Nodes that run each time: those that are not computed from constants alone.

    Args:
        graph: in the order in which it runs.
        constants: names of its weights; what is computed from these alone is added.
    """
    for node in graph.node:
        if all(name in constants for name in node.input if name):
            constants.update(node.output)
        else:
            yield node


def _drop_weights(graph: onnx.GraphProto) -> None:
    """Turn large weights into inputs of their shape: inference copies the file, weights and all."""
    given = {value.name for value in graph.input}
    small = [entry for entry in graph.initializer if math.prod(entry.dims) <= _SMALL]
    graph.input.extend(
        onnx.helper.make_tensor_value_info(entry.name, entry.data_type, list(entry.dims))
        for entry in graph.initializer
        if math.prod(entry.dims) > _SMALL and entry.name not in given
    )
    del graph.initializer[:]
    graph.initializer.extend(small)
    # Shapes noted before the weights were cut would be believed.
    del graph.value_info[:]

"""Kernels: what a runtime executes for one layer, and which of them an ONNX file holds."""

import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any, Self

import onnx

from edgeprune.devices.layer_names import node_name
from edgeprune.devices.tensor_shapes import read_shapes, running_nodes
from edgeprune.errors import MeasurementError

_LAYERS = frozenset({"Conv", "ConvTranspose", "Gemm", "MatMul"})


@dataclass(frozen=True)
class Kernel:
    """One layer's work.

    Attributes:
        kind: ``conv``, ``depthwise``, ``grouped``, ``transposed`` or ``linear``.
        read: input channels.
        written: output channels.
        groups: of a convolution; 1 otherwise.
        area: height and width of the filter; (1, 1) of a linear layer.
        stride: of a convolution; 1 otherwise.
        size: height and width of the input; (1, rows) of a linear layer.
        out_size: height and width of the output.
        batch: images at a time.
    """

    kind: str
    read: int
    written: int
    groups: int
    area: tuple[int, int]
    stride: int
    size: tuple[int, int]
    out_size: tuple[int, int]
    batch: int = 1

    def to_json(self) -> dict[str, Any]:
        """As plain data: the kernel's signature in a history."""
        return asdict(self)

    @classmethod
    def from_json(cls, signature: dict[str, Any]) -> Self:
        """Read back a signature."""
        pairs = {name: tuple(signature[name]) for name in ("area", "size", "out_size")}
        return cls(**{**signature, **pairs})


@dataclass(frozen=True)
class Layer:
    """A layer of an ONNX file.

    Attributes:
        node: the node's name, as in `edgeprune.devices.LayerTime`.
        kernel: what it is.
    """

    node: str
    kernel: Kernel


def read_layers(model: bytes) -> tuple[Layer, ...]:
    """The convolutions and linear layers of an ONNX file, in its order.

    Raises:
        MeasurementError: not an ONNX file, or a shape in it cannot be inferred.
    """
    try:
        parsed = onnx.load_model_from_string(model)
        shapes, constants = read_shapes(parsed)
        return tuple(_layers(parsed.graph, shapes, constants))
    except Exception as error:
        msg = f"the layers of the model cannot be read: {error}"
        raise MeasurementError(msg) from error


def same_layers(own: bytes, made: bytes) -> dict[str, str]:
    """Nodes of an ONNX file by those of another that was made of it, such as in int8.

    Args:
        own: the file.
        made: the other, with the same layers; nodes may have moved, and some have a new name.

    Raises:
        MeasurementError: as `read_layers`.
    """
    before, after = read_layers(own), read_layers(made)
    kept = {layer.node for layer in before} & {layer.node for layer in after}
    found = {name: name for name in kept}
    renamed = [layer for layer in after if layer.node not in kept]
    for layer in (one for one in before if one.node not in kept):
        other = next((one for one in renamed if one.kernel == layer.kernel), None)
        if other is not None:
            renamed.remove(other)
            found[other.node] = layer.node
    return found


def _layers(
    graph: onnx.GraphProto, shapes: dict[str, tuple[int, ...]], constants: set[str]
) -> Iterator[Layer]:
    # Weights may reach their layer through a node that transposes them.
    for node in running_nodes(graph, constants):
        # A product of two activations is no layer: nothing of it is cut by itself.
        if node.op_type not in _LAYERS or node.input[1] not in constants:
            continue
        source, result = shapes[node.input[0]], shapes[node.output[0]]
        if node.op_type in {"Gemm", "MatMul"}:
            rows = (1, math.prod(source[1:-1]))
            kernel = Kernel("linear", source[-1], result[-1], 1, (1, 1), 1, rows, rows, source[0])
        else:
            kernel = _convolution(node, source, shapes[node.input[1]], result)
        yield Layer(node_name(node), kernel)


def _convolution(
    node: onnx.NodeProto,
    source: tuple[int, ...],
    weights: tuple[int, ...],
    result: tuple[int, ...],
) -> Kernel:
    attributes = {entry.name: entry for entry in node.attribute}
    groups = int(attributes["group"].i) if "group" in attributes else 1
    stride = int(attributes["strides"].ints[0]) if "strides" in attributes else 1
    kind = "transposed" if node.op_type == "ConvTranspose" else "conv"
    if groups > 1:
        kind = "depthwise" if groups == source[1] else "grouped"
    sizes = (_pair(weights[2:]), stride, _pair(source[2:]), _pair(result[2:]))
    return Kernel(kind, source[1], result[1], groups, *sizes, source[0])


def _pair(sizes: tuple[int, ...]) -> tuple[int, int]:
    """Height and width; what has one length only counts as a row."""
    return (1, sizes[0]) if len(sizes) == 1 else (sizes[0], math.prod(sizes[1:]))

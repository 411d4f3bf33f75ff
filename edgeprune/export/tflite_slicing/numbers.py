"""Which numbers a converter may write into a file, and from what of the network they come.

A converter folds batch norms into the layers before them and lays weights out anew. Each `Numbers`
is one array that may come of this, computed from a candidate's own ONNX file.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import numpy_helper

Arrays: TypeAlias = Mapping[str, NDArray[Any]]

_WEIGHTED = frozenset({"Conv", "ConvTranspose", "Gemm", "MatMul"})


@dataclass(frozen=True)
class Network:
    """An ONNX file: its nodes, and the numbers that it holds.

    Attributes:
        nodes: in the order in which they run.
        arrays: initialisers and constants, by name; views of the file.
    """

    nodes: tuple[onnx.NodeProto, ...]
    arrays: Arrays

    @classmethod
    def read(cls, content: bytes) -> "Network":
        """Read a file that edgeprune has written."""
        graph = onnx.load_model_from_string(content).graph
        arrays = {one.name: numpy_helper.to_array(one) for one in graph.initializer}
        for node in graph.node:
            if node.op_type == "Constant" and node.attribute[0].name == "value":
                arrays[node.output[0]] = numpy_helper.to_array(node.attribute[0].t)
        return cls(tuple(graph.node), arrays)


@dataclass(frozen=True)
class BatchNorm:
    """The numbers of a batch norm, by name."""

    gain: str
    shift: str
    mean: str
    variance: str
    epsilon: float

    def scale(self, arrays: Arrays) -> NDArray[Any]:
        """What it multiplies with."""
        root = np.sqrt(arrays[self.variance] + np.float32(self.epsilon))
        found: NDArray[Any] = arrays[self.gain] / root
        return found


@dataclass(frozen=True)
class Numbers:
    """One array.

    Attributes:
        kind: ``plain``: the array itself; ``weight``: times the norm's scale; ``bias``: what the
            norm makes of it; ``scale``: the norm's scale.
        name: of the array; empty where the bias is none.
        norm: that is folded in.
        axis: of the output channels.
        node: of the layer that it belongs to; empty for none.
    """

    kind: str
    name: str = ""
    norm: BatchNorm | None = None
    axis: int = 0
    node: str = ""

    def present(self, arrays: Arrays) -> bool:
        """Whether all that it is made of is there: what a removed branch had is not."""
        names = [self.name] if self.name else []
        if self.norm is not None:
            names += [self.norm.gain, self.norm.variance]
        return all(name in arrays for name in names)

    def of(self, arrays: Arrays) -> NDArray[Any]:
        """Its values in a network."""
        if self.norm is None:
            return arrays[self.name]
        scale = self.norm.scale(arrays)
        if self.kind == "scale":
            return scale
        if self.kind == "weight":
            weight = arrays[self.name]
            sizes = [1] * weight.ndim
            sizes[self.axis] = scale.size
            scaled: NDArray[Any] = weight * scale.reshape(sizes)
            return scaled
        before = arrays[self.name] if self.name else np.float32(0.0)
        found: NDArray[Any] = (before - arrays[self.norm.mean]) * scale + arrays[self.norm.shift]
        return found


def possible_numbers(network: Network) -> Iterator[Numbers]:
    """All that a converter may write of a network, what is likelier first."""
    readers: dict[str, list[onnx.NodeProto]] = {}
    for node in network.nodes:
        for name in node.input:
            readers.setdefault(name, []).append(node)
    made = {name: node for node in network.nodes for name in node.output}
    for node in network.nodes:
        if node.op_type == "BatchNormalization":
            norm = _norm(node)
            yield Numbers("scale", norm=norm)
            yield Numbers("bias", norm=norm)
        if node.op_type not in _WEIGHTED or len(node.input) < 2:
            continue
        weight = _source(node.input[1], network, made)
        if weight is None:
            continue
        bias = node.input[2] if len(node.input) > 2 else ""
        after = readers.get(node.output[0], [])
        if len(after) == 1 and after[0].op_type == "BatchNormalization":
            norm, axis = _norm(after[0]), int(node.op_type == "ConvTranspose")
            yield Numbers("weight", weight, norm, axis, node.name)
            yield Numbers("bias", bias, norm, node=node.name)
        yield Numbers("plain", weight, node=node.name)
        if bias:
            yield Numbers("plain", bias, node=node.name)
    for name, array in network.arrays.items():
        if array.dtype.kind == "f":
            yield Numbers("plain", name)


def _norm(node: onnx.NodeProto) -> BatchNorm:
    epsilon = next((one.f for one in node.attribute if one.name == "epsilon"), 1e-5)
    gain, shift, mean, variance = node.input[1:5]
    return BatchNorm(gain, shift, mean, variance, epsilon)


def _source(name: str, network: Network, made: Mapping[str, onnx.NodeProto]) -> str | None:
    """The array that a layer's weight is, maybe by way of a node that transposes it."""
    while name not in network.arrays:
        node = made.get(name)
        if node is None or node.op_type not in {"Transpose", "Identity"}:
            return None
        name = node.input[0]
    return name

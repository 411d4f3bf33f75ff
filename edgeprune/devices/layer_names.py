"""Kernels back to the layers of the ONNX file they came from."""

import re
from collections import deque
from collections.abc import Iterable, Sequence

import onnx
from google.protobuf.message import DecodeError

from edgeprune.devices.measurement import LayerTime
from edgeprune.errors import MeasurementError

#: What ONNX Runtime appends where it lays channels out in blocks or splits a node.
_SUFFIX = re.compile(r"(_nchwc)?(_token_\d+)?$")
#: What it appends to the name of an int8 layer, which takes its channels last.
_LAID_OUT_ANEW = re.compile(r"_token_\d+$")
#: What it begins with where it takes an activation into a layer: "fused /fc/Gemm".
_PREFIX = "fused "
#: Operators that a fused kernel is named after, by the kernel's operator.
_FUSED = {"FusedConv": "Conv", "FusedGemm": "Gemm", "FusedMatMul": "MatMul"}
_WEIGHTED = frozenset({"Conv", "Gemm", "MatMul"})
#: Share of the runs that count: those that nothing disturbed, as for whole networks (decision 004).
_FASTEST = 0.2
#: Steps of the runtimes' clocks, microseconds. Runs that are no further above the fastest ones
#: count as well: of a short kernel the mean tells what its rounded times do not.
_RESOLUTION = 1.0


def layer_times(
    model: bytes, kernels: Iterable[tuple[str, str, Sequence[float]]]
) -> list[LayerTime]:
    """Times by layer.

    The runtime fuses batch norms, activations and additions into the convolution before them
    and names the kernel after that node, after the tensor the fused chain writes, or after the
    node with a word appended. All count under the convolution.

    Args:
        model: the ONNX file.
        kernels: name, operator and microseconds of each run.

    Returns:
        One entry per layer, in the order in which they ran: what it takes where nothing disturbs.

    Raises:
        MeasurementError: the runtime took the file, but it is no ONNX file.
    """
    names = _Names(parsed(model).graph)
    found: dict[str, LayerTime] = {}
    for kernel, operator, microseconds in kernels:
        name, layer_operator = names.resolve(kernel, operator)
        before = found[name].ms if name in found else 0.0
        found[name] = LayerTime(name, layer_operator, before + mean_ms(microseconds))
    return list(found.values())


def parsed(model: bytes) -> onnx.ModelProto:
    """An ONNX file that a runtime has taken.

    Args:
        model: the file.

    Raises:
        MeasurementError: it is no ONNX file.
    """
    try:
        return onnx.load_model_from_string(model)
    except DecodeError as error:
        msg = f"the model is not an ONNX file whose layers have names: {error}"
        raise MeasurementError(msg) from error


def node_name(node: onnx.NodeProto) -> str:
    """A node's name, or its first output's where it has none, or its operator's."""
    return str(node.name or next(iter(node.output), node.op_type))


class _Names:
    """Finds the node that a kernel stands for."""

    def __init__(self, graph: onnx.GraphProto) -> None:
        self._by_name = {node_name(node): node for node in graph.node}
        self._by_output = {name: node for node in graph.node for name in node.output}

    def resolve(self, kernel: str, operator: str) -> tuple[str, str]:
        wanted = _FUSED.get(operator, operator)
        kernel = kernel.removeprefix(_PREFIX)
        for name in (kernel, _LAID_OUT_ANEW.sub("", kernel)):
            if name in self._by_name:
                return name, str(self._by_name[name].op_type)
        node = self._by_output.get(_SUFFIX.sub("", kernel))
        if node is not None:
            node = self._source(node, wanted) if wanted in _WEIGHTED else node
            return node_name(node), str(node.op_type)
        # "/fc/MatMul/MatMulAddFusion": the longest name of a node that the kernel's starts with.
        parts = kernel.split("/")
        for end in range(len(parts) - 1, 0, -1):
            prefix = "/".join(parts[:end])
            if prefix in self._by_name:
                return prefix, str(self._by_name[prefix].op_type)
        return kernel, operator

    def _source(self, start: onnx.NodeProto, wanted: str) -> onnx.NodeProto:
        """The nearest node upstream with the wanted operator, through what can be fused."""
        waiting, seen = deque([start]), {id(start)}
        while waiting:
            node = waiting.popleft()
            if node.op_type == wanted:
                return node
            if node.op_type in _WEIGHTED:
                continue
            for name in node.input:
                upstream = self._by_output.get(name)
                if upstream is not None and id(upstream) not in seen:
                    seen.add(id(upstream))
                    waiting.append(upstream)
        return start


def mean_ms(microseconds: Sequence[float]) -> float:
    """The mean of a kernel's fastest runs in milliseconds, see decision 006.

    Args:
        microseconds: of each run.
    """
    ordered = sorted(microseconds)
    count = max(1, int(len(ordered) * _FASTEST))
    kept = [one for one in ordered if one <= ordered[count - 1] + _RESOLUTION]
    return sum(kept) / len(kept) / 1e3

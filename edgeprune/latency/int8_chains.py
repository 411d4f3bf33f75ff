"""The chains of `chains` in int8: rounded around every layer, as ONNX Runtime takes it."""

from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper

from edgeprune.latency.chains import LENGTH, chain

#: One step of an activation, of a weight, and of their products' sums.
_STEPS = (0.02, 0.003, 0.02 * 0.003)


def int8_chain(kind: str, channels: int, length: int = LENGTH, *, unsigned: bool = True) -> bytes:
    """An ONNX file of equal int8 layers, each followed by a ReLU.

    Args:
        kind: ``conv``, ``depthwise``, ``grouped`` or ``linear``.
        channels: read and written by each layer; even where it is grouped.
        length: how many layers.
        unsigned: activations, as the device's processor takes them.
    """
    model = onnx.load_model_from_string(chain(kind, channels, length))
    weights = {one.name: numpy_helper.to_array(one) for one in model.graph.initializer}
    graph = _Graph(unsigned)
    source = graph.rounded("input", "input_rounded")
    for layer in (node for node in model.graph.node if node.op_type != "Relu"):
        _, weight, bias = layer.input
        given = [source, graph.weight(weight, weights[weight]), graph.bias(bias, weights[bias])]
        del layer.input[:]
        layer.input.extend(given)
        graph.nodes.append(layer)
        # No ReLU: what is below zero is rounded to the smallest number, which is zero.
        last = layer.output[0] == f"sum{length - 1}"
        source = graph.rounded(layer.output[0], "output" if last else f"{layer.output[0]}_rounded")
    del model.graph.node[:], model.graph.initializer[:]
    model.graph.node.extend(graph.nodes)
    model.graph.initializer.extend(graph.constants)
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())


class _Graph:
    """Nodes and constants, in their order."""

    def __init__(self, unsigned: bool) -> None:
        self.nodes: list[Any] = []
        self.constants: list[Any] = []
        # As candidates have them.
        zero = np.array(0, np.uint8) if unsigned else np.array(-128, np.int8)
        self._of_activations = self._step("activation", np.float32(_STEPS[0]), zero)

    def rounded(self, source: str, result: str) -> str:
        """An activation, rounded and back."""
        kept = f"{source}_integers"
        nodes = (
            helper.make_node("QuantizeLinear", [source, *self._of_activations], [kept], kept),
            helper.make_node("DequantizeLinear", [kept, *self._of_activations], [result], result),
        )
        self.nodes.extend(nodes)
        return result

    def weight(self, name: str, values: np.ndarray) -> str:
        """A weight in int8, one step for each output channel."""
        return self._constant(name, np.clip(np.rint(values / _STEPS[1]), -127, 127), np.int8, 1)

    def bias(self, name: str, values: np.ndarray) -> str:
        """A bias in int32."""
        return self._constant(name, np.rint(values / _STEPS[2]), np.int32, 2)

    def _constant(self, name: str, values: np.ndarray, kind: type, which: int) -> str:
        count, integers = len(values), f"{name}_integers"
        self._add(integers, values.astype(kind))
        step = self._step(name, np.full(count, _STEPS[which], np.float32), np.zeros(count, kind))
        node = helper.make_node("DequantizeLinear", [integers, *step], [name], name, axis=0)
        self.nodes.append(node)
        return name

    def _step(self, name: str, step: Any, zero: np.ndarray) -> tuple[str, str]:
        return self._add(f"{name}_step", np.asarray(step)), self._add(f"{name}_zero", zero)

    def _add(self, name: str, values: np.ndarray) -> str:
        self.constants.append(numpy_helper.from_array(values, name))
        return name

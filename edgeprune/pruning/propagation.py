"""One pass over a graph: channel labels travel from the weights through every operation."""

import numpy as np
from numpy.typing import NDArray

from edgeprune.pruning.flow import Flow, Value
from edgeprune.pruning.graph import Graph, Node
from edgeprune.pruning.integers import Integers, evaluate
from edgeprune.pruning.labels import Labels
from edgeprune.pruning.rules import RULES

#: Integer operators with no channels in them, whatever they compute.
_UNLABELLED = frozenset({"ConstantOfShape", "NonZero", "Range", "Shape", "Size"})


def propagate(graph: Graph, labels: Labels) -> Flow:
    """Label every tensor of a graph.

    Args:
        graph: the graph.
        labels: takes the labels; graphs that share parameters may share it.

    Returns:
        The finished flow. Channels of the graph's outputs are fixed.

    Raises:
        UnknownShapeError: the size of a tensor cannot be found; the message names the module.
    """
    flow = Flow(graph, labels, any_batch=bool(graph.batched))
    for node in graph.nodes:
        _step(flow, node)
    for name in graph.outputs:
        flow.fix(flow.value(name), "the model's output")
    return flow


def _step(flow: Flow, node: Node) -> None:
    ints = _integers(flow, node)
    if any(flow.graph.shape(name) is None for name in node.outputs if name):
        flow.graph.infer(node, _known(flow, node))
    if ints is not None:
        shape = ints.values.shape
        flow.values[node.outputs[0]] = Value(shape, (None,) * len(shape), node.where, ints)
    elif node.op in _UNLABELLED:
        for output in range(len(node.outputs)):
            flow.put(node, (None,) * len(flow.shape_of(node, output)), output=output)
    elif node.op in RULES:
        RULES[node.op](flow, node)
    else:
        flow.fix_all(node, f"not followed by edgeprune: {node.where}")


def _integers(flow: Flow, node: Node) -> Integers | None:
    """The node's output, if it is arithmetic on sizes."""
    if node.op == "Shape":
        value = flow.value(node.inputs[0])
        batch = value.batch if flow.any_batch and value.batched else None
        sizes = Integers.sizes(value.shape, value.axes, batch)
        window = slice(node.attributes.get("start", 0), node.attributes.get("end"))
        return sizes.both(lambda array: array[window])
    inputs = [flow.value(name).ints if name else None for name in node.inputs]
    if not any(inputs):
        return None
    return evaluate(
        node, [one or _factor(flow, name) for one, name in zip(inputs, node.inputs, strict=True)]
    )


def _factor(flow: Flow, name: str) -> Integers | None:
    """A constant number that sizes are computed with; floating-point ones are no sizes alone."""
    constant = flow.graph.constants.get(name)
    return None if constant is None or constant.size > 1 else Integers.literal(constant)


def _known(flow: Flow, node: Node) -> dict[str, NDArray[np.int64]]:
    found = {name: flow.value(name).ints for name in node.inputs if name}
    return {name: ints.values for name, ints in found.items() if ints is not None}

"""Recurrent layers: what they are given and their hidden units may be cut."""

import numpy as np

from edgeprune.pruning.flow import Flow, Layer, NodeNumber, Product, rule
from edgeprune.pruning.graph import Node
from edgeprune.pruning.labels import Ids

#: Inputs of a node that are the first states.
_STATES = (5, 6)


@rule("GRU", "LSTM", "RNN")
def recurrent(flow: Flow, node: Node) -> None:
    """Inputs are cut with the weights that read them, hidden units with their rows and columns."""
    steps, weight, looped = (flow.value(name) for name in node.inputs[:3])
    flow.fix(steps, f"an axis of a sequence: {node.where}", but=-1)
    flow.unify(steps, 2, weight, 2)
    hidden, size = looped.axes[2], looped.shape[2]
    if hidden is not None:
        flow.node_numbers.append(NodeNumber(node, "hidden_size", hidden))
    for position in _STATES:
        if node.has_input(position):
            _start(flow, node, position, hidden)
    if steps.batched and steps.batch != 1:
        flow.any_batch = False
    for output, name in enumerate(node.outputs):
        if name:
            axes = (*(None,) * (len(flow.shape_of(node, output)) - 1), hidden)
            # (steps, batch, features) to (steps, directions, batch, hidden), then the last states.
            flow.put(node, axes, output=output, batch=2 if output == 0 else 1)
    times, directions = steps.shape[0] * steps.shape[1], weight.shape[0]
    gates = weight.shape[1] // size
    made = directions * size if hidden is None else np.tile(hidden, directions)
    parameter = weight.parameter or node.module
    flow.layers.append(
        Layer(
            name=parameter.rpartition(".")[0],
            op=node.op,
            weight=parameter,
            inputs=steps.shape[2] if steps.axes[2] is None else steps.axes[2],
            outputs=made,
            fan_in=steps.shape[2] if weight.axes[2] is None else weight.axes[2],
            kernel=(gates, 1),
            stride=1,
            groups=1,
            in_positions=times,
            out_size=(1, times),
        )
    )
    loops: Ids | int = size if hidden is None else hidden
    flow.products.append(Product(node.module, (times * gates, made, loops)))


def _start(flow: Flow, node: Node, position: int, hidden: Ids | None) -> None:
    """Cut the first state like the others; the zeros that torch's module makes need not be told."""
    name = node.inputs[position]
    if _is_own_zeros(flow, node, name):
        flow.left_out.add((node.outputs[0], position))
        return
    state = flow.value(name)
    ids = state.axes[-1]
    if hidden is not None and ids is not None:
        flow.labels.unify(hidden, ids)
    else:
        reason = f"tied to channels that stay: the first state, {state.why}"
        flow.labels.fix(hidden, reason)
        flow.labels.fix(ids, reason)


def _is_own_zeros(flow: Flow, node: Node, name: str) -> bool:
    """Whether a tensor is zeros that the node's own torch module makes, or a part of them."""
    made = flow.graph.makers.get(name)
    if made is None:
        return False
    maker = flow.graph.nodes[made]
    if maker.module != node.module:
        return False
    if maker.op == "Slice":
        return _is_own_zeros(flow, node, maker.inputs[0])
    value = maker.attributes.get("value", np.zeros(1))
    return maker.op == "ConstantOfShape" and not value.any()

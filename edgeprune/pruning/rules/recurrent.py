"""Recurrent layers: what they are given may be cut, their hidden sizes stay."""

from edgeprune.pruning.flow import Flow, Layer, Product, rule
from edgeprune.pruning.graph import Node


@rule("GRU", "LSTM", "RNN")
def recurrent(flow: Flow, node: Node) -> None:
    """Inputs are cut with the weights that read them.

    Hidden sizes stay: the exporter orders the gates anew by sizes that it spells out.
    """
    steps, weight, hidden = (flow.value(name) for name in node.inputs[:3])
    flow.fix(steps, f"an axis of a sequence: {node.where}", but=-1)
    flow.unify(steps, 2, weight, 2)
    if steps.batched and steps.batch != 1:
        flow.any_batch = False
    reason = f"a hidden size, which edgeprune does not cut: {node.where}"
    for output, name in enumerate(node.outputs):
        if name:
            axes = (None,) * len(flow.shape_of(node, output))
            # (steps, batch, features) to (steps, directions, batch, hidden), then the last states.
            flow.put(node, axes, output=output, why=reason, batch=2 if output == 0 else 1)
    times, gates = steps.shape[0] * steps.shape[1], weight.shape[0] * weight.shape[1]
    given = steps.shape[2] if weight.axes[2] is None else weight.axes[2]
    parameter = weight.parameter or node.module
    flow.layers.append(
        Layer(
            name=parameter.rpartition(".")[0],
            op=node.op,
            weight=parameter,
            inputs=steps.shape[2] if steps.axes[2] is None else steps.axes[2],
            outputs=gates,
            fan_in=given,
            kernel=(1, 1),
            stride=1,
            groups=1,
            in_positions=times,
            out_size=(1, times),
        )
    )
    flow.products.append(Product(node.module, (times, gates, hidden.shape[-1])))

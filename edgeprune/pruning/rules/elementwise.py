"""Operators that work position by position: their inputs are cut alike."""

from edgeprune.pruning.flow import Flow, Value, rule
from edgeprune.pruning.graph import Node
from edgeprune.pruning.labels import Axes, Ids


@rule(
    *("Abs", "Cast", "Ceil", "Celu", "Clip", "Cos", "Dropout", "Elu", "Erf", "Exp", "Floor"),
    *("Gelu", "HardSigmoid", "HardSwish", "Identity", "IsNaN", "LeakyRelu", "Log", "Mish", "Neg"),
    *("Not", "Reciprocal", "Relu", "Round", "Selu", "Sigmoid", "Sign", "Sin", "Softplus"),
    *("Softsign", "Sqrt", "Tanh", "ThresholdedRelu"),
)
def unary(flow: Flow, node: Node) -> None:
    """The output is cut like the first input; further inputs are scalars."""
    value = flow.value(node.inputs[0])
    for output, name in enumerate(node.outputs):
        if name:  # Dropout in training has a mask besides
            flow.put(node, value.axes, output=output)


@rule(
    *("Add", "And", "Div", "Equal", "Greater", "GreaterOrEqual", "Less", "LessOrEqual", "Max"),
    *("Mean", "Min", "Mod", "Mul", "Or", "PRelu", "Pow", "Sub", "Sum", "Where", "Xor"),
)
def broadcast(flow: Flow, node: Node) -> None:
    """All inputs are cut alike on each axis, apart from axes of size 1, which are repeated."""
    values = [flow.value(name) for name in node.inputs if name]
    rank = len(flow.shape_of(node))
    axes = tuple(_joined(flow, values, axis - rank) for axis in range(rank))
    flow.put(node, axes)


def _joined(flow: Flow, values: list[Value], axis: int) -> Ids | None:
    """Unify one axis, counted from the end, of all inputs that are not repeated along it."""
    present = [one for one in values if len(one.shape) >= -axis and one.shape[axis] > 1]
    for other in present[1:]:
        flow.unify(present[0], axis, other, axis)
    labelled: Axes = tuple(one.axes[axis] for one in present if one.axes[axis] is not None)
    return labelled[0] if len(labelled) == len(present) and labelled else None

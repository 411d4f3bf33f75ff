"""Normalisation, pooling and reduction: operators that look along some axes of one tensor."""

import numpy as np

from edgeprune.pruning.flow import Flow, rule
from edgeprune.pruning.graph import Node


@rule("BatchNormalization", "InstanceNormalization")
def per_channel(flow: Flow, node: Node) -> None:
    """Every channel by itself: scale, shift and statistics are cut with the channels.

    What is normalised together with others is normalised with the remaining ones, as torch does
    it: GroupNorm (channels stand beside pixels there) and standardised weights.
    """
    value = flow.value(node.inputs[0])
    for name in node.inputs[1:]:
        flow.unify(
            value, 1, flow.repeated(name) if value.axes[1] is not None else flow.value(name), 0
        )
    flow.put(node, value.axes)
    for output in range(1, len(node.outputs)):  # running statistics, in training
        flow.put(node, (value.axes[1],), output=output)


@rule("LayerNormalization")
def over_channels(flow: Flow, node: Node) -> None:
    """Channels are normalised together; the remaining ones can be, too, as torch does it."""
    value = flow.value(node.inputs[0])
    rank = len(value.shape)
    for name in filter(None, node.inputs[1:]):
        scale = flow.value(name)
        for axis in range(-len(scale.shape), 0):
            flow.unify(value, axis, scale, axis)
    flow.put(node, value.axes)
    for output, name in enumerate(node.outputs[1:], 1):
        if name:
            flow.put(node, (None,) * rank, output=output)


@rule(
    *("AveragePool", "GlobalAveragePool", "GlobalLpPool", "GlobalMaxPool", "LpPool", "MaxPool"),
    "adaptive_avg_pool2d",  # no ONNX operator: only met in heads that exist in training
)
def pooling(flow: Flow, node: Node) -> None:
    """Every channel by itself, over pixels."""
    value = flow.value(node.inputs[0])
    flow.fix(value, f"an axis of the image: {node.where}", but=1)
    for output, name in enumerate(node.outputs):
        if name:
            axes = (None, value.axes[1], *[None] * (len(value.shape) - 2))
            flow.put(node, axes, output=output)


@rule(
    *("ArgMax", "ArgMin", "ReduceL1", "ReduceL2", "ReduceLogSumExp", "ReduceMax", "ReduceMean"),
    *("ReduceMin", "ReduceProd", "ReduceSum", "ReduceSumSquare"),
)
def reduction(flow: Flow, node: Node) -> None:
    """Channels pass a reduction over other axes.

    Over the channels themselves it is one over those that remain, as in torch: layer norms written
    by hand, RMSNorm, gates by the channels' mean or maximum. What names a channel by its number
    fixes them.
    """
    value = flow.value(node.inputs[0])
    rank = len(value.shape)
    given = node.attributes.get("axes")
    if node.op.startswith("Arg"):
        given = [node.attributes.get("axis", 0)]
    elif given is None and node.has_input(1):
        ints = flow.value(node.inputs[1]).ints
        given = None if ints is None else np.ravel(ints.values).tolist()
    reduced = {int(axis) % rank for axis in (range(rank) if given is None else given)}
    for axis in reduced:
        flow.lose_batch(value, axis)
    if node.op.startswith("Arg"):
        for axis in reduced:
            flow.labels.fix(value.axes[axis], f"looked up by number: {node.where}")
    batch = value.batch
    kept = [None if axis in reduced else value.axes[axis] for axis in range(rank)]
    if not node.attributes.get("keepdims", 1):
        kept = [value.axes[axis] for axis in range(rank) if axis not in reduced]
        batch = value.batch - sum(axis < value.batch for axis in reduced)
    flow.put(node, tuple(kept), batch=batch)


@rule("Hardmax", "LogSoftmax", "LpNormalization", "Softmax")
def along_one_axis(flow: Flow, node: Node) -> None:
    """Channels that share one sum share it with those that remain, as in torch.

    So cross-covariance attention can be cut: a softmax along the dimensions of a head.
    """
    flow.put(node, flow.value(node.inputs[0]).axes)


@rule("LRN")
def across_neighbours(flow: Flow, node: Node) -> None:
    """Neighbouring channels are mixed, so none may go."""
    flow.fix_all(node, f"mixes neighbouring channels: {node.where}")

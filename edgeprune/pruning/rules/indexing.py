"""Operators that join tensors, look up parts of one or add a border."""

import numpy as np

from edgeprune.pruning.flow import Flow, Padding, Value, rule
from edgeprune.pruning.graph import Node
from edgeprune.pruning.labels import Ids


@rule("Concat")
def concat(flow: Flow, node: Node) -> None:
    """Labels are joined along the axis; along the others all tensors are cut alike."""
    values = [flow.value(name) for name in node.inputs]
    rank = len(values[0].shape)
    joined = int(node.attributes["axis"]) % rank
    for one in values:
        flow.lose_batch(one, joined)
    axes: list[Ids | None] = []
    for axis in range(rank):
        if axis == joined:
            axes.append(_joined(flow, values, axis))
            continue
        for other in values[1:]:
            flow.unify(values[0], axis, other, axis)
        axes.append(values[0].axes[axis])
    flow.put(node, tuple(axes))


def _joined(flow: Flow, values: list[Value], axis: int) -> Ids | None:
    if all(one.axes[axis] is None for one in values):
        return None
    parts = []
    for one in values:
        ids = one.axes[axis]
        if ids is None:
            ids = flow.labels.fresh(one.shape[axis])
            flow.labels.fix(ids, f"tied to channels that stay: {one.why}")
        parts.append(ids)
    return np.concatenate(parts)


@rule("Gather")
def gather(flow: Flow, node: Node) -> None:
    """Channels pass where another axis is looked up."""
    value, index = flow.value(node.inputs[0]), flow.value(node.inputs[1])
    axis = int(node.attributes.get("axis", 0)) % len(value.shape)
    flow.lose_batch(value, axis)
    flow.labels.fix(value.axes[axis], f"looked up by number: {node.where}")
    flow.fix(index, f"used as an index: {node.where}")
    found = (None,) * len(index.shape)
    batch = value.batch if value.batch < axis else value.batch + len(found) - 1
    if not value.batched:
        batch = axis + index.batch
    flow.put(node, (*value.axes[:axis], *found, *value.axes[axis + 1 :]), batch=max(batch, 0))


@rule("Pad")
def pad(flow: Flow, node: Node) -> None:
    """Channels pass a border around the image.

    Channels added by number (option-A shortcuts) get labels of their own, where the module that
    adds them does nothing else: a plan can then take the cut ones off its output. Elsewhere they
    fix the others.
    """
    value = flow.value(node.inputs[0])
    pads = flow.value(node.inputs[1]).ints
    if pads is None or pads.values.size != 2 * len(value.shape):
        flow.fix_all(node, f"a border that cannot be followed: {node.where}")
        return
    reason = f"padded with a fixed number of channels (as in option-A shortcuts): {node.where}"
    axes = list(value.axes)
    numbers: list[int | Ids] = pads.values.tolist()
    for axis, (before, after) in enumerate(pads.values.reshape(2, -1).T.tolist()):
        ids = axes[axis]
        if not (before or after) or ids is None:
            continue
        if axis != 1 or min(before, after) < 0 or not _only_pads(flow, node):
            flow.labels.fix(ids, reason)
            axes[axis] = None
            continue
        added = Padding(node.module, flow.labels.fresh(before), ids, flow.labels.fresh(after))
        flow.paddings.append(added)
        if before == after:
            # One group in pairs: two of half the size would have to be cut alike for the sum to
            # be a width that kernels like.
            flow.labels.unify(added.before, added.after)
        axes[axis] = np.concatenate([added.before, ids, added.after])
        numbers[axis] = added.before if before else 0
        numbers[axis + len(axes)] = added.after if after else 0
    flow.put(
        node,
        tuple(axes),
        why=reason
        if any(a is not None and b is None for a, b in zip(value.axes, axes, strict=True))
        else "",
    )
    if pads.sources.any() or any(not isinstance(number, int) for number in numbers):
        flow.follow(node, 1, tuple(numbers))


def _only_pads(flow: Flow, node: Node) -> bool:
    """Whether a padding of equal channels is all that its torch module hands on."""
    if node.attributes.get("mode", b"constant") != b"constant" or not node.module:
        return False
    own = [one for one in flow.graph.nodes if one.module == node.module]
    inner = {name for one in own for name in one.inputs} & flow.graph.parameters.keys()
    handed_on = {
        name
        for one in own
        for name in one.outputs
        if any(flow.graph.nodes[reader] not in own for reader in flow.graph.readers.get(name, ()))
    }
    return not inner and handed_on <= set(node.outputs)

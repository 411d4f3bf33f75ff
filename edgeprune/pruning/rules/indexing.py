"""Operators that take parts of a tensor, join tensors or add a border."""

from collections.abc import Sequence

import numpy as np

from edgeprune.pruning.flow import Flow, Padding, Value, rule
from edgeprune.pruning.graph import Node
from edgeprune.pruning.integers import Source
from edgeprune.pruning.labels import Ids

#: As the end of a slice: all of the axis, however long.
_NO_BOUND = 2**31 - 1


@rule("Concat")
def concat(flow: Flow, node: Node) -> None:
    """Labels are joined along the axis; along the others all tensors are cut alike."""
    values = [flow.value(name) for name in node.inputs]
    rank = len(values[0].shape)
    joined = int(node.attributes["axis"]) % rank
    if joined == 0 and any(one.batched for one in values):
        flow.batch_first = False
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


@rule("Slice")
def slicing(flow: Flow, node: Node) -> None:
    """Channels pass a slice that is one of several equal parts with computed bounds (`chunk`)."""
    value = flow.value(node.inputs[0])
    given = [flow.value(name).ints if name else None for name in node.inputs[1:]]
    starts, ends = given[0], given[1]
    if starts is None or ends is None:
        flow.fix_all(node, f"bounds that cannot be followed: {node.where}")
        return
    count = starts.values.size
    which = given[2].values if len(given) > 2 and given[2] is not None else range(count)
    steps = given[3].values if len(given) > 3 and given[3] is not None else [1] * count
    axes = list(value.axes)
    new_starts: list[int | Ids] = starts.values.tolist()
    new_ends: list[int | Ids] = ends.values.tolist()
    for index, (axis, step) in enumerate(zip(which, steps, strict=True)):
        axis = int(axis) % len(value.shape)
        size = value.shape[axis]
        window = slice(int(starts.values[index]), int(ends.values[index]), int(step))
        start, end, step = window.indices(size)
        whole = (start, end, step) == (0, size, 1)
        if axis == 0 and value.batched and not whole:
            flow.batch_first = False
        ids = axes[axis]
        if step > 0:  # plain bounds, but none on the batch
            new_starts[index], new_ends[index] = start, _NO_BOUND if whole else end
        if ids is None or whole:
            continue
        computed = max(starts.sources[index], ends.sources[index]) > Source.LITERAL
        if step == 1 and computed and _equal_parts(flow, ids, start, end):
            axes[axis] = ids[start:end]
            new_starts[index], new_ends[index] = ids[:start], ids[:end]
        else:
            flow.labels.fix(ids, _apart(node))
            axes[axis] = None
    flow.put(node, tuple(axes), why=_apart(node) if _lost(value, axes) else "")
    if starts.sources.any() or ends.sources.any():
        flow.follow(node, 1, tuple(new_starts))
        flow.follow(node, 2, tuple(new_ends))


def _apart(node: Node) -> str:
    return f"taken apart at fixed channels: {node.where}"


def _lost(value: Value, axes: Sequence[Ids | None]) -> bool:
    """Whether an axis had labels and has none any more."""
    return any(a is not None and b is None for a, b in zip(value.axes, axes, strict=True))


def _equal_parts(flow: Flow, ids: Ids, start: int, end: int) -> bool:
    """Tie the parts of an axis to each other, so that they stay equally long."""
    length = end - start
    if length <= 0 or ids.size % length or start % length:
        return False
    parts = ids.reshape(-1, length)
    flow.labels.unify(parts[:1], parts)
    return True


@rule("Split")
def split(flow: Flow, node: Node) -> None:
    """Channels pass a split into equal parts."""
    value = flow.value(node.inputs[0])
    axis = int(node.attributes.get("axis", 0)) % len(value.shape)
    sizes = [flow.shape_of(node, output)[axis] for output in range(len(node.outputs))]
    ids = value.axes[axis]
    if axis == 0 and value.batched:
        flow.batch_first = False
    if ids is not None and (len(set(sizes)) > 1 or not _equal_parts(flow, ids, 0, sizes[0])):
        flow.labels.fix(ids, _apart(node))
        ids = None
    bounds = np.cumsum([0, *sizes])
    for output in range(len(node.outputs)):
        part = None if ids is None else ids[bounds[output] : bounds[output + 1]]
        axes = tuple(part if index == axis else one for index, one in enumerate(value.axes))
        flow.put(node, axes, output=output, why=_apart(node) if _lost(value, axes) else "")
    if ids is not None and node.has_input(1):
        flow.follow(node, 1, tuple(ids[bounds[i] : bounds[i + 1]] for i in range(len(sizes))))


@rule("Gather")
def gather(flow: Flow, node: Node) -> None:
    """Channels pass where another axis is looked up."""
    value, index = flow.value(node.inputs[0]), flow.value(node.inputs[1])
    axis = int(node.attributes.get("axis", 0)) % len(value.shape)
    if axis == 0 and value.batched:
        flow.batch_first = False
    flow.labels.fix(value.axes[axis], f"looked up by number: {node.where}")
    flow.fix(index, f"used as an index: {node.where}")
    found = (None,) * len(index.shape)
    flow.put(node, (*value.axes[:axis], *found, *value.axes[axis + 1 :]))


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
    flow.put(node, tuple(axes), why=reason if _lost(value, axes) else "")
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

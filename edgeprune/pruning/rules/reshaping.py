"""Operators that keep all numbers and give them another shape."""

import math
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from edgeprune.pruning.attributes import Numbers, counting
from edgeprune.pruning.flow import Flow, Value, rule
from edgeprune.pruning.graph import Node, Shape
from edgeprune.pruning.integers import Integers, Source
from edgeprune.pruning.labels import Axes, Ids


@rule("Transpose")
def transpose(flow: Flow, node: Node) -> None:
    """Labels move with their axes."""
    value = flow.value(node.inputs[0])
    order = node.attributes.get("perm") or tuple(reversed(range(len(value.shape))))
    batch = list(order).index(value.batch) if order else 0
    flow.put(node, tuple(value.axes[axis] for axis in order), batch=batch)


@rule("Flatten")
def flatten(flow: Flow, node: Node) -> None:
    """The axes before one and those from it on become one each: a channel is a run in it."""
    value = flow.value(node.inputs[0])
    axis = int(node.attributes.get("axis", 1)) % max(len(value.shape), 1)
    batch = 0 if value.batch < axis else 1
    if math.prod(value.shape[axis * batch : value.batch]) != 1:
        flow.lose_batch(value, value.batch)
    flow.put(node, _reshaped(flow, node, value, [False, False]), batch=batch)


@rule("Squeeze", "Unsqueeze")
def squeeze(flow: Flow, node: Node) -> None:
    """Axes of size 1 come and go."""
    value = flow.value(node.inputs[0])
    shape = flow.shape_of(node)
    batch = value.batch
    given = flow.value(node.inputs[1]).ints if node.has_input(1) else None
    if value.batched:
        ones = [] if given is None else [int(axis) for axis in np.ravel(given.values)]
        if node.op == "Squeeze":
            ones = ones or [axis for axis, size in enumerate(value.shape) if size == 1]
            gone = {axis % len(value.shape) for axis in ones}
            if batch in gone:
                flow.any_batch = False
            batch = max(batch - sum(axis < batch for axis in gone), 0)
        else:
            new = {axis % len(shape) for axis in ones}
            batch = [axis for axis in range(len(shape)) if axis not in new][batch]
    flow.put(node, _reshaped(flow, node, value, [False] * len(shape)), batch=batch)


@rule("Reshape")
def reshape(flow: Flow, node: Node) -> None:
    """Channels pass where the model's code computes the sizes, and are fixed where it spells them.

    A `view` that spells out a size that is cut would fail in the pruned torch model.
    """
    value = flow.value(node.inputs[0])
    asked = flow.value(node.inputs[1]).ints
    shape = flow.shape_of(node)
    if asked is None:
        flow.fix_all(node, f"a shape that cannot be followed: {node.where}")
        flow.any_batch = False
        return
    literal = [
        bool(source == Source.LITERAL and number not in (0, -1))
        for number, source in zip(asked.values, asked.sources, strict=True)
    ]
    axes = _as_listed(flow, node, value) or _reshaped(flow, node, value, literal)
    batch = _batch_after(value, shape, asked)
    flow.put(node, axes, batch=batch or 0)
    for ids, size, count in zip(axes, shape, asked.counts, strict=True):
        if size > 1:
            flow.equate(node, ids, count, value.why)
    if any(ids is not None for ids in axes):
        stays = [ids is None and spelt for ids, spelt in zip(axes, literal, strict=True)]
        flow.hold(node, [size for size, one in zip(shape, stays, strict=True) if one and size > 1])
    sizes = tuple(size if ids is None else ids for size, ids in zip(shape, axes, strict=True))
    if not value.batched:
        if any(ids is not None for ids in axes):  # weights, on their way into a layer
            flow.follow(node, 1, sizes)
        return
    if batch is None:
        flow.any_batch = False
    # A literal batch of 1 becomes "what is left", so that the file runs on any batch.
    left = [-1 if axis == batch and flow.any_batch else one for axis, one in enumerate(sizes)]
    flow.follow(node, 1, tuple(left))


def _batch_after(value: Value, shape: Shape, asked: Integers) -> int | None:
    """The axis of the images in another shape: what stands before them is as large as it was."""
    before = math.prod(value.shape[: value.batch])
    found = [axis for axis in range(len(shape)) if math.prod(shape[:axis]) == before]
    told = [axis for axis in found if asked.sources[axis] == Source.BATCH]
    return next(iter([*told, *found]), None)


def _as_listed(flow: Flow, node: Node, value: Value) -> Axes | None:
    """Labels where an attribute lists the whole shape: a scale of `(channels, 1, 1)`."""
    shape = flow.shape_of(node)
    listed = [name for name, one in flow.numbers(node).items() if one == shape]
    labelled = [ids for ids in value.axes if ids is not None]
    wide = [[size for size in one if size > 1] for one in (value.shape, shape)]
    if not listed or len(labelled) != 1 or len(wide[0]) != 1 or len(wide[1]) != 1:
        return None
    axes = tuple(labelled[0] if size > 1 else None for size in shape)
    # What counts no channels counts one that stays.
    counted = tuple(flow.labels.fresh(1) if ids is None else ids for ids in axes)
    flow.remember(node, dict.fromkeys(listed, counted))
    return axes


def _reshaped(flow: Flow, node: Node, value: Value, literal: Sequence[bool]) -> Axes:
    """Labels of a tensor's numbers in another shape."""
    shape = flow.shape_of(node)
    axes: list[Ids | None] = [None] * len(shape)
    for before, after in segments(value.shape, shape):
        labelled = [axis for axis in before if value.axes[axis] is not None]
        if value.parameter and len(value.shape) >= 4 and min(labelled, default=2) < 2:
            labelled = [axis for axis in labelled if axis < 2]  # a kernel is never cut
        if not labelled:
            continue
        wide = [axis for axis in after if shape[axis] > 1]
        flat = _flattened(value, before, labelled[0])
        carrier = None
        if len(labelled) == 1:
            carrier = _carrier(flow, node, flat, {axis: shape[axis] for axis in wide}, literal)
        if carrier is None:
            for axis in labelled:
                flow.labels.fix(value.axes[axis], f"a view with literal sizes: {node.where}")
            continue
        axes[carrier] = _along(flow, flat, [shape[axis] for axis in wide], wide.index(carrier))
    return tuple(axes)


def _carrier(
    flow: Flow, node: Node, flat: Ids, sizes: Mapping[int, int], literal: Sequence[bool]
) -> int | None:
    """The axis that follows the cut: one whose size the code computes, or keeps by a name.

    Of several it is the one along which alone the labels differ.

    Args:
        flow: the flow.
        node: the reshaping node.
        flat: labels of the numbers in a row.
        sizes: of the axes they are given, by axis.
        literal: which axes the code spells out.
    """
    wide = list(sizes)
    table = flat.reshape([*sizes.values()])
    rows = [
        np.moveaxis(table, index, -1).reshape(-1, sizes[axis]) for index, axis in enumerate(wide)
    ]
    alone = [axis for axis, row in zip(wide, rows, strict=True) if (row == row[:1]).all()]
    free = [axis for axis in wide if not literal[axis]]
    if len(free) > 1:
        free = [axis for axis in free if axis in alone]
    elif not free:
        # Of what has a name the last axis is the finest: of attention's heads their dimensions.
        for axis in [one for one in reversed(wide) if one in alone] or reversed(wide):
            ids = rows[wide.index(axis)][0]
            found = counting(_numbers_for(flow, node, axis, sizes), [ids.size], [ids])
            if found is not None:
                flow.remember(node, found)
                return axis
    return free[0] if len(free) == 1 else None


def _numbers_for(flow: Flow, node: Node, axis: int, sizes: Mapping[int, int]) -> Numbers:
    """The numbers of a node's module that may say how long one of some axes is.

    Where as many attributes as axes have one value (16 heads of 16), they are in one order.
    """
    size, numbers = sizes[axis], flow.numbers(node)
    alike = [other for other in sizes if sizes[other] == size]
    names = [name for name, number in numbers.items() if number == size]
    if len(alike) != len(names):
        return numbers
    return {names[alike.index(axis)]: size}


def segments(before: Shape, after: Shape) -> Iterator[tuple[list[int], list[int]]]:
    """Split two shapes of one size into runs of axes that hold the same numbers.

    Yields:
        Axes of the first shape and axes of the second, in order, with equal products.
    """
    left, right = 0, 0
    while left < len(before) or right < len(after):
        run, other = [], []
        size = goal = 1
        if left < len(before):
            size, run, left = before[left], [left], left + 1
        if right < len(after):
            goal, other, right = after[right], [right], right + 1
        while size != goal:
            if size < goal:
                size, run, left = size * before[left], [*run, left], left + 1
            else:
                goal, other, right = goal * after[right], [*other, right], right + 1
        yield run, other


def _flattened(value: Value, axes: list[int], labelled: int) -> Ids:
    """Labels of a run of axes as one axis."""
    ids = value.axes[labelled]
    inner = math.prod(value.shape[axis] for axis in axes if axis > labelled)
    outer = math.prod(value.shape[axis] for axis in axes if axis < labelled)
    return np.tile(np.repeat(ids if ids is not None else [], inner), outer)


def _along(flow: Flow, flat: Ids, sizes: list[int], axis: int) -> Ids:
    """Labels of one axis after a split; positions that differ on the others are cut alike."""
    table = np.moveaxis(flat.reshape(sizes), axis, -1).reshape(-1, sizes[axis])
    if len(table) > 1:
        flow.labels.unify(table[:1], table)
    first: Ids = table[0]
    return first


@rule("Expand")
def expand(flow: Flow, node: Node) -> None:
    """Channels pass where only other axes are repeated.

    An axis of size 1 that is repeated as often as the code computes from sizes may be repeated
    less often.
    """
    value = flow.value(node.inputs[0])
    asked = flow.value(node.inputs[1]).ints
    shape = flow.shape_of(node)
    if asked is None:
        flow.fix_all(node, f"a shape that cannot be followed: {node.where}")
        return
    axes: list[Ids | None] = [None] * len(shape)
    for axis in range(-1, -len(shape) - 1, -1):
        source = asked.sources[axis] if -axis <= asked.values.size else Source.LITERAL
        if -axis <= len(value.shape) and value.shape[axis] == shape[axis]:
            axes[axis] = value.axes[axis]
        elif source == Source.SIZE and (not value.batched or asked.counts[axis] is not None):
            axes[axis] = flow.labels.fresh(shape[axis])
            flow.equate(node, axes[axis], asked.counts[axis])
    flow.put(node, tuple(axes))


@rule("Tile")
def tile(flow: Flow, node: Node) -> None:
    """Repeated channels are cut alike; an axis of size 1 is repeated as in `expand`."""
    value = flow.value(node.inputs[0])
    asked = flow.value(node.inputs[1]).ints
    if asked is None:
        flow.fix_all(node, f"repeats that cannot be followed: {node.where}")
        flow.any_batch = False
        return
    for axis in np.flatnonzero(asked.values != 1).tolist():
        flow.lose_batch(value, axis)
    axes: list[Ids | None] = []
    for ids, times, count in zip(value.axes, asked.values.tolist(), asked.counts, strict=True):
        if ids is None and count is not None:
            ids = flow.labels.fresh(times)
            flow.equate(node, ids, count)
        elif ids is not None:
            flow.equate(node, None, count)
            ids = np.tile(ids, times)
        axes.append(ids)
    flow.put(node, tuple(axes))


@rule("SpaceToDepth")
def pixel_unshuffle(flow: Flow, node: Node) -> None:
    """A channel's pixels become channels: they are cut together."""
    value = flow.value(node.inputs[0])
    flow.fix(value, f"an axis of the image: {node.where}", but=1)
    ids, block = value.axes[1], int(node.attributes["blocksize"]) ** 2
    flow.put(node, (None, None if ids is None else np.tile(ids, block), None, None))


@rule("DepthToSpace")
def pixel_shuffle(flow: Flow, node: Node) -> None:
    """The channels that become one channel's pixels are cut together."""
    value = flow.value(node.inputs[0])
    flow.fix(value, f"an axis of the image: {node.where}", but=1)
    ids, block = value.axes[1], int(node.attributes["blocksize"]) ** 2
    if ids is not None:
        crd = node.attributes.get("mode", b"DCR") == b"CRD"
        table = ids.reshape(-1, block) if crd else ids.reshape(block, -1).T
        flow.labels.unify(table[:, :1], table)
        ids = table[:, 0]
        if ids.size == 1:
            flow.labels.fix(ids, f"made into the only channel: {node.where}")
            ids = None
    flow.put(node, (None, ids, None, None))

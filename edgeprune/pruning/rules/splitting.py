"""Operators that take a tensor apart: at bounds that the code computes, or keeps by a name."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from edgeprune.pruning.attributes import counting
from edgeprune.pruning.flow import Flow, rule
from edgeprune.pruning.graph import Node
from edgeprune.pruning.integers import Integers, Source
from edgeprune.pruning.labels import Ids

#: As the end of a slice: all of the axis, however long.
_NO_BOUND = 2**31 - 1


@rule("Slice")
def slicing(flow: Flow, node: Node) -> None:
    """Channels pass a slice that is one of several equal parts, or has its bounds by name.

    Computed bounds of equal parts are those of `chunk`; a bound that is an attribute of the
    module (``x[:, : self.width]``) follows the channels before it.
    """
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
    why = ""
    for index, (axis, step) in enumerate(zip(which, steps, strict=True)):
        axis = int(axis) % len(value.shape)
        size = value.shape[axis]
        window = slice(int(starts.values[index]), int(ends.values[index]), int(step))
        start, end, step = window.indices(size)
        whole = (start, end, step) == (0, size, 1)
        if not whole:
            flow.lose_batch(value, axis)
        ids = axes[axis]
        if step > 0:  # plain bounds, but none on the batch
            new_starts[index], new_ends[index] = start, _NO_BOUND if whole else end
        if ids is None or whole:
            continue
        # The exporter takes the gates of recurrent weights apart: they lose as many rows each.
        follows = step == 1 and (
            value.parameter in flow.graph.recurrent
            or _follows(flow, node, ids, (starts, ends), index)
        )
        axes[axis] = ids[start:end] if follows else None
        if follows:
            new_starts[index], new_ends[index] = ids[:start], ids[:end]
        else:
            why = _spelt(node)
            flow.labels.fix(ids, why)
    flow.put(node, tuple(axes), why=why)
    changing = [one for one in (*new_starts, *new_ends) if not isinstance(one, int)]
    if changing or starts.sources.any() or ends.sources.any():
        flow.follow(node, 1, tuple(new_starts))
        flow.follow(node, 2, tuple(new_ends))


def _follows(
    flow: Flow, node: Node, ids: Ids, bounds: tuple[Integers, Integers], index: int
) -> bool:
    """Whether the code finds one slice again when its channels are cut."""
    start, end, _ = slice(*(int(one.values[index]) for one in bounds)).indices(ids.size)
    if max(one.sources[index] for one in bounds) > Source.LITERAL:
        return _equal_parts(flow, ids, start, end)
    if start >= end or any(int(one.values[index]) < 0 for one in bounds):
        return False
    found: dict[str, tuple[Ids, ...]] = {}
    for bound in (start, end):
        if 0 < bound < ids.size:
            named = counting(flow.numbers(node), [bound], [ids[:bound]])
            if named is None:
                return False
            found |= named
    flow.remember(node, found)
    return True


@rule("Split")
def split(flow: Flow, node: Node) -> None:
    """Channels pass a split into equal parts, or into parts whose sizes have a name."""
    value = flow.value(node.inputs[0])
    axis = int(node.attributes.get("axis", 0)) % len(value.shape)
    sizes = [flow.shape_of(node, output)[axis] for output in range(len(node.outputs))]
    ids = value.axes[axis]
    flow.lose_batch(value, axis)
    bounds = np.cumsum([0, *sizes])
    parts = None
    if ids is not None:
        parts = _parts(flow, node, [ids[a:b] for a, b in pairwise(bounds.tolist())])
        if parts is None:
            flow.labels.fix(ids, _spelt(node))
    for output in range(len(node.outputs)):
        part = None if parts is None else parts[output]
        axes = tuple(part if index == axis else one for index, one in enumerate(value.axes))
        lost = ids is not None and parts is None
        flow.put(node, axes, output=output, why=_spelt(node) if lost else "")
    if parts is not None and node.has_input(1):
        flow.follow(node, 1, tuple(parts))


def _parts(flow: Flow, node: Node, parts: list[Ids]) -> Sequence[Ids] | None:
    """The parts, tied as far as the code needs it; None where it spells out their sizes."""
    sizes = [part.size for part in parts]
    given = flow.value(node.inputs[1]).ints if node.has_input(1) else None
    if given is None or given.sources.all():
        ids = np.concatenate(parts)
        return parts if len(set(sizes)) == 1 and _equal_parts(flow, ids, 0, sizes[0]) else None
    literal = [index for index, source in enumerate(given.sources) if source == Source.LITERAL]
    chosen = [parts[index] for index in literal]
    found = counting(flow.numbers(node), [sizes[index] for index in literal], chosen)
    if found is None:
        return None
    flow.remember(node, found)
    if not any(len(numbers) == len(literal) > 1 for numbers in found.values()):
        # One number stands for several parts: those of a size stay equally long.
        for size in set(sizes[index] for index in literal):
            alike = [part for part in chosen if part.size == size]
            for part in alike[1:]:
                flow.labels.unify(alike[0], part)
    return parts


def _equal_parts(flow: Flow, ids: Ids, start: int, end: int) -> bool:
    """Tie the parts of an axis to each other, so that they stay equally long."""
    length = end - start
    if length <= 0 or ids.size % length or start % length:
        return False
    parts = ids.reshape(-1, length)
    flow.labels.unify(parts[:1], parts)
    return True


def _spelt(node: Node) -> str:
    return f"taken apart at channels that the code spells out: {node.where}"

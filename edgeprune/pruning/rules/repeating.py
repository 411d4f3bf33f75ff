"""Operators that repeat numbers, or move them between pixels and channels."""

from dataclasses import replace

import numpy as np

from edgeprune.pruning.flow import Flow, Value, rule
from edgeprune.pruning.graph import Node
from edgeprune.pruning.integers import Integers, Source
from edgeprune.pruning.labels import Ids


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
    _for_every_image(flow, node, asked, value)


@rule("Tile")
def tile(flow: Flow, node: Node) -> None:
    """Repeated channels are cut alike; an axis of size 1 is repeated as in `expand`."""
    value = flow.value(node.inputs[0])
    asked = flow.value(node.inputs[1]).ints
    if asked is None:
        flow.fix_all(node, f"repeats that cannot be followed: {node.where}")
        flow.lose_batch(value, value.batch)
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
    _for_every_image(flow, node, asked, value)


def _for_every_image(flow: Flow, node: Node, asked: Integers, value: Value) -> None:
    """What is repeated as often as there are images has a place for each of them."""
    made = flow.value(node.outputs[0])
    axis = next(iter(np.flatnonzero(asked.sources == Source.BATCH).tolist()), None)
    if axis is not None and not value.batched:
        batch = axis - len(asked.sources) + len(made.shape)
        made = replace(made, batched=True, batch=batch, parameter=None)
        flow.values[node.outputs[0]] = made


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

"""Channel groups: the layer dimensions that must be cut together."""

from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from edgeprune.pruning.flow import Flow, Layer
from edgeprune.pruning.labels import Axes, Classes, Ids

#: Seed of the random numbers that signatures are sums of; any will do.
_SIGNATURE_SEED = 20240


@dataclass(frozen=True, eq=False)
class Member:
    """One axis of one parameter that is cut with a group.

    Attributes:
        parameter: state-dict name; buffers count, too.
        axis: which axis.
        positions: (units, k) int64: the k positions on the axis that each unit takes.
        weights: whether it is the weights of a convolution or linear layer.
    """

    parameter: str
    axis: int
    positions: Ids
    weights: bool


@dataclass(frozen=True, eq=False)
class ChannelGroup:
    """Layer dimensions that must be cut together, and by the same channels.

    Attributes:
        name: the first layer, in the order of execution, that makes these channels.
        layers: all convolutions and linear layers that are cut with it, in the order of execution.
        channels: how many channels the first layer makes.
        unit: channels that go together; 1 normally, more where a grouped convolution is cut by
            whole conv groups or a model takes its channels apart in equal parts.
        macs_share: share of the model's MACs in `layers`, between 0 and 1.
        fixed: why it may not be cut, or None.
        members: every parameter axis that is cut with it.
        classes: the label class of each unit, int64 (units,).
    """

    name: str
    layers: tuple[str, ...]
    channels: int
    unit: int
    macs_share: float
    fixed: str | None
    members: tuple[Member, ...]
    classes: Ids

    @property
    def units(self) -> int:
        """How many units there are to keep or cut."""
        return self.channels // self.unit

    def but_fixed(self, reason: str) -> "ChannelGroup":
        """The same group, which may not be cut; a reason it has already stays."""
        return replace(self, fixed=self.fixed or reason)


def form_groups(
    flow: Flow, classes: Classes, parameters: Mapping[str, Axes]
) -> tuple[ChannelGroup, ...]:
    """Collect label classes into groups.

    Classes belong to one group when every axis in the model holds the same number of positions of
    each: then any choice among them keeps every tensor rectangular and no axis can run empty.

    Args:
        flow: a finished pass over the model.
        classes: its labels' classes.
        parameters: labels by parameter and axis.

    Returns:
        Groups in the order of execution; `macs_share` is still 0.
    """
    axes = _axes(flow, parameters)
    signatures = _signatures(axes, classes)
    first_seen, made_by = _producers(flow.layers, classes)
    made = np.flatnonzero(first_seen >= 0)
    made = made[np.argsort(first_seen[made], kind="stable")]
    _, first, which = np.unique(signatures[made], return_index=True, return_inverse=True)
    weights = {layer.weight for layer in flow.layers}
    members = _members(parameters, weights, classes, made, which)
    order = np.argsort(first, kind="stable")
    by_group = np.argsort(which, kind="stable")
    bounds = np.searchsorted(which[by_group], np.arange(len(first) + 1))
    groups: list[ChannelGroup] = []
    taken: dict[str, int] = {}
    for index in order.tolist():
        units = made[by_group[bounds[index] : bounds[index + 1]]]
        producer = flow.layers[made_by[units[0]]]
        taken[producer.name] = taken.get(producer.name, 0) + 1
        suffix = f"#{taken[producer.name]}" if taken[producer.name] > 1 else ""
        unit = _count_in(producer, classes, int(units[0]))
        touched = {member.parameter for member in members[index]}
        groups.append(
            ChannelGroup(
                name=producer.name + suffix,
                layers=_unique(one.name for one in flow.layers if one.weight in touched),
                channels=unit * len(units),
                unit=unit,
                macs_share=0.0,
                fixed=next(filter(None, map(classes.reasons.get, units.tolist())), None),
                members=tuple(members[index]),
                classes=units,
            )
        )
    return tuple(groups)


def _axes(flow: Flow, parameters: Mapping[str, Axes]) -> list[Ids]:
    """The labels of everything whose length a candidate depends on."""
    found = [ids for axes in parameters.values() for ids in axes if ids is not None]
    for layer in flow.layers:
        for one in (layer.inputs, layer.outputs, layer.fan_in):
            if not isinstance(one, int):
                found.append(one)
    for sizes in flow.sizes.values():
        found.extend(one for one in sizes.numbers if not isinstance(one, int) and one.size)
    return found


def _signatures(axes: list[Ids], classes: Classes) -> Ids:
    """A number per class that is equal for classes that occur equally often in every axis.

    Random weights by axis, summed: two different classes share a sum with probability 2^-64.
    """
    # What is cut alike says the same, and most axes occur several times.
    alike = {one.tobytes(): one for one in (classes.of[ids] for ids in axes)}
    axes = list(alike.values())
    owner = np.repeat(np.arange(len(axes)), [ids.size for ids in axes])
    keys = np.concatenate(axes) * len(axes) + owner
    keys, counts = np.unique(keys, return_counts=True)
    weights = np.random.default_rng(_SIGNATURE_SEED).integers(0, 2**63, len(axes), dtype=np.int64)
    signatures = np.zeros(classes.count, np.int64)
    with np.errstate(over="ignore"):  # sums wrap around, which is as good
        np.add.at(signatures, keys // len(axes), weights[keys % len(axes)] * counts)
    return signatures


def _producers(layers: list[Layer], classes: Classes) -> tuple[Ids, Ids]:
    """When each class is first made, as a rank (-1: never), and by which layer."""
    rank = np.full(classes.count, -1)
    made_by = np.full(classes.count, -1)
    made = 0
    for index, layer in enumerate(layers):
        if isinstance(layer.outputs, int):
            continue
        found = classes.of[layer.outputs]
        found, first = np.unique(found[rank[found] < 0], return_index=True)
        rank[found] = made + first
        made_by[found] = index
        made += layer.outputs.size
    return rank, made_by


def _members(
    parameters: Mapping[str, Axes], weights: Set[str], classes: Classes, made: Ids, which: Ids
) -> list[list[Member]]:
    """The parameter axes of every group, their positions listed unit by unit."""
    group_of = np.full(classes.count, -1)
    group_of[made] = which
    unit_of = np.empty(classes.count, np.int64)
    unit_of[made] = np.arange(len(made))
    found: list[list[Member]] = [[] for _ in range(int(which.max(initial=-1)) + 1)]
    # A convolution, its bias and its normalisation are cut alike: most axes occur several times.
    known: dict[bytes, list[tuple[int, Ids]]] = {}
    for name, axes in parameters.items():
        for axis, ids in enumerate(axes):
            if ids is None:
                continue
            of = classes.of[ids]
            alike = of.tobytes()
            if alike not in known:
                known[alike] = _by_unit(group_of[of], unit_of[of])
            for group, positions in known[alike]:
                found[group].append(Member(name, axis, positions, name in weights))
    return found


def _by_unit(owner: Ids, units: Ids) -> list[tuple[int, Ids]]:
    """The groups on an axis, with the positions of each listed unit by unit."""
    order = np.lexsort((units, owner))
    order = order[owner[order] >= 0]
    owner, units = owner[order], units[order]
    starts = np.flatnonzero(np.diff(owner, prepend=-1))
    found = []
    for start, end in pairwise((*starts.tolist(), len(order))):
        count = 1 + int(np.count_nonzero(np.diff(units[start:end])))
        found.append((int(owner[start]), order[start:end].reshape(count, -1)))
    return found


def _count_in(layer: Layer, classes: Classes, label: int) -> int:
    """How many of a layer's outputs are of one class."""
    if isinstance(layer.outputs, int):
        return 1
    return int(np.count_nonzero(classes.of[layer.outputs] == label))


def _unique(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(names))

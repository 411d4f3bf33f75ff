"""Branches: the parts of residual blocks beside their shortcuts, which may go as a whole."""

import heapq
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import chain

import numpy as np

from edgeprune.pruning.edits import Edit, removed_by
from edgeprune.pruning.flow import Flow, Value
from edgeprune.pruning.graph import Graph, Node, module_of
from edgeprune.pruning.groups import ChannelGroup
from edgeprune.pruning.labels import Ids


@dataclass(frozen=True, eq=False)
class _Scopes:
    """In which torch modules the nodes of a graph are.

    Attributes:
        innermost: of every node.
        called: of every node all that can be called, outermost first.
    """

    innermost: Sequence[str]
    called: Sequence[Sequence[str]]

    def whole(self, numbers: frozenset[int]) -> list[str]:
        """The largest modules with nodes in the branch alone, in the order in which they end."""
        last: dict[str, int] = {}
        inside: Counter[str] = Counter()
        for number in sorted(numbers):
            inside.update(self.called[number])
            last |= dict.fromkeys(self.called[number], number)
        whole = {name for name, count in inside.items() if count == self._sizes[name]}
        largest = [name for name in whole if not set(_path(name)[:-1]) & whole]
        return sorted(largest, key=lambda name: (last[name], name))

    def nodes_in(self, module: str, numbers: Iterable[int]) -> list[int]:
        """Those of some nodes that are in a module."""
        return [number for number in numbers if module in self.called[number]]

    @cached_property
    def _sizes(self) -> Counter[str]:
        return Counter(chain.from_iterable(self.called))


@dataclass(frozen=True, eq=False)
class Branch:
    """What is computed for one side of an addition alone, and what its removal leaves.

    Attributes:
        name: the torch module in which the addition is.
        groups: free groups that are inside it with all their layers: width 0 of all of them
            removes the branch. The first one's width decides.
        total: the tensor that the addition makes.
        shortcut: the tensor that stands for it once the branch is gone.
        nodes: first outputs of the nodes that go.
        parameters: of those that go, what the graph reads.
        passed: torch modules that pass on what they are given.
        zeroed: the last torch module of the branch: it makes zeros.
        dropped: parameters outside those modules, such as a layer scale.
        channels: labels of the branch's output channels; None where it has as many as come in.
        stride: input over output, in height and width.
    """

    name: str
    groups: tuple[str, ...]
    total: str
    shortcut: str
    nodes: frozenset[str]
    parameters: frozenset[str]
    passed: tuple[str, ...]
    zeroed: str
    dropped: tuple[str, ...]
    channels: Ids | None
    stride: int

    def edits(self, channels: int | None) -> list[Edit]:
        """What its removal changes in a torch model; `channels` are those of the output."""
        return [
            *(Edit(name, "pass") for name in self.passed),
            Edit(self.zeroed, "zeros", channels, self.stride),
            *(Edit(name, "drop") for name in self.dropped),
        ]


def find_branches(flow: Flow, modules: Iterable[str]) -> tuple[Branch, ...]:
    """Every branch of a model, whether it has groups or not, in the order of execution.

    An addition of two activations of its own size has a branch: what is computed for one of them
    alone, the side with more layers. The other side is the shortcut and stays, be it the input
    itself, a border of channels or a convolution.

    Args:
        flow: a finished pass over the model.
        modules: names of its torch modules that can be called.
    """
    graph, known = flow.graph, frozenset(modules)
    layers = {layer.weight for layer in flow.layers}
    inside = [module_of(node.module, known) for node in graph.nodes]
    scopes = _Scopes(inside, [[one for one in _path(name) if one in known] for name in inside])
    found = []
    for index, node in enumerate(graph.nodes):
        if not _adds(flow, node):
            continue
        sides = [_only_for(graph, index, side) for side in (0, 1)]
        counts = [_layers_of(graph, side, layers) for side in sides]
        if counts[0] == counts[1]:
            continue
        branch = int(counts[1] > counts[0])
        one = _branch(flow, index, branch, sides[branch], scopes)
        if one is not None:
            found.append(one)
    return tuple(found)


def with_groups(
    branches: Sequence[Branch], groups: Sequence[ChannelGroup], unwanted: frozenset[str]
) -> tuple[Branch, ...]:
    """The branches that may go, with the free groups inside them.

    Args:
        branches: all that there are.
        groups: all groups of the model.
        unwanted: groups that the user leaves out: a branch with one of them stays.

    Returns:
        Each group is in one branch at most: of two that overlap, the smaller one counts.
    """
    chosen: list[Branch] = []
    taken: set[str] = set()
    for branch in sorted(branches, key=lambda one: len(one.nodes)):
        inner = [
            group
            for group in groups
            if group.members and all(one.parameter in branch.parameters for one in group.members)
        ]
        free = [group.name for group in inner if group.fixed is None]
        if not free or taken & set(free) or any(one.name in unwanted for one in inner):
            continue
        taken |= set(free)
        chosen.append(replace(branch, groups=tuple(free)))
    order = {branch.total: number for number, branch in enumerate(branches)}
    return tuple(sorted(chosen, key=lambda branch: order[branch.total]))


def _adds(flow: Flow, node: Node) -> bool:
    if node.op != "Add" or len(set(node.inputs)) != 2:
        return False
    values = [flow.value(name) for name in node.inputs]
    return all(one.batched and one.shape == flow.shape_of(node) for one in values)


def _only_for(graph: Graph, addition: int, side: int) -> frozenset[int]:
    """Numbers of the nodes whose outputs nobody reads but one side of an addition."""
    wanted = graph.nodes[addition].inputs[side]
    outputs, gone = set(graph.outputs), set[int]()
    # The last ones first, so that all readers of a node are known when its turn comes.
    waiting = [-graph.makers[wanted]] if wanted in graph.makers else []
    while waiting:
        number = -heapq.heappop(waiting)
        node = graph.nodes[number]
        read = [(name, one) for name in node.outputs for one in graph.readers.get(name, ())]
        inside = all(one in gone or (name, one) == (wanted, addition) for name, one in read)
        if number not in gone and inside and not set(node.outputs) & outputs:
            gone.add(number)
            for name in node.inputs:
                if name in graph.makers:
                    heapq.heappush(waiting, -graph.makers[name])
    return frozenset(gone)


def _layers_of(graph: Graph, numbers: Iterable[int], weights: set[str]) -> int:
    return len({name for number in numbers for name in graph.nodes[number].inputs} & weights)


def _branch(
    flow: Flow,
    index: int,
    side: int,
    numbers: frozenset[int],
    scopes: "_Scopes",
) -> Branch | None:
    graph, addition = flow.graph, flow.graph.nodes[index]
    inside = scopes.innermost
    parameters = _parameters(graph, numbers)
    if any(not numbers.issuperset(graph.readers[name]) for name in parameters):
        return None  # weights that the rest of the model shares
    modules = scopes.whole(numbers)
    if not modules:
        return None
    removed = removed_by(Edit(name, "pass") for name in modules)
    if any(_is_taken_apart(flow, number, inside, removed) for number in numbers):
        return None  # code that stays would take the passed channels apart
    if not all(_entries(flow, scopes.nodes_in(name, numbers)) for name in modules):
        return None  # a module that is given sizes, not images, has nothing to pass on
    shortcut = addition.inputs[1 - side]
    channels, stride = None, 1
    entries = _entries(flow, numbers)
    between = numbers.difference(*(scopes.nodes_in(name, numbers) for name in modules))
    # What its code joins of that which is passed on has more channels than came in (Inception).
    joins = any(graph.nodes[number].op == "Concat" for number in between)
    if joins or entries != {shortcut}:
        channels, stride = _made(flow, entries, flow.value(addition.inputs[side]))
    return Branch(
        name=inside[index],
        groups=(),
        total=addition.outputs[0],
        shortcut=shortcut,
        nodes=frozenset(graph.nodes[number].outputs[0] for number in numbers),
        parameters=frozenset(parameters),
        passed=tuple(modules[:-1]),
        zeroed=modules[-1],
        dropped=tuple(sorted(name for name in parameters if not removed(name))),
        channels=channels,
        stride=stride,
    )


def _is_taken_apart(
    flow: Flow, number: int, inside: Sequence[str], removed: Callable[[str], bool]
) -> bool:
    """Whether a node splits channels by a number that a module keeps which stays."""
    if flow.graph.nodes[number].op not in ("Slice", "Split"):
        return False
    keeping = {name.rpartition(".")[0] for name in flow.attributes if not removed(name)}
    return inside[number] in keeping


def _parameters(graph: Graph, numbers: Iterable[int]) -> set[str]:
    names = {name for number in numbers for name in graph.nodes[number].inputs}
    return names & graph.parameters.keys()


def _path(name: str) -> list[str]:
    """A module and all that it is in, outermost first."""
    parts = name.split(".") if name else []
    return [".".join(parts[: depth + 1]) for depth in range(len(parts))]


def _entries(flow: Flow, numbers: Iterable[int]) -> set[str]:
    """The activations that some nodes read, apart from their own."""
    nodes = [flow.graph.nodes[number] for number in numbers]
    made = {name for node in nodes for name in node.outputs}
    read = {name for node in nodes for name in node.inputs if name and name not in made}
    return {name for name in read if flow.value(name).batched and flow.value(name).ints is None}


def _made(flow: Flow, entries: set[str], out: Value) -> tuple[Ids | None, int]:
    """Channels (None: as many as come in) and stride of what a branch of images makes."""
    shapes = {flow.value(name).shape for name in entries}
    entry, rank = shapes.pop() if len(shapes) == 1 else (), len(out.shape)
    images = rank == 4 or (rank in (3, 5) and out.axes[1] is not None)
    if not images or len(entry) != rank:
        return None, 1
    return out.axes[1], max(1, round(entry[2] / max(out.shape[2], 1)))


def output_channels(branches: Sequence[Branch]) -> list[Ids | int]:
    """Labels of every branch's output channels; 0 where they need not be counted."""
    none = np.zeros(0, np.int64)
    return [none if one.channels is None else one.channels for one in branches]

"""What activations need of memory, at any widths: the high-water mark of a graph's execution."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from edgeprune.pruning.arena import Layout, most_at_once
from edgeprune.pruning.branches import Branch
from edgeprune.pruning.costs import Floats, Lengths
from edgeprune.pruning.execution import Execution, execution_of
from edgeprune.pruning.flow import Flow
from edgeprune.pruning.remainder import remaining_nodes

#: Sets of removed branches whose executions are kept ready.
_KEPT = 64


@dataclass(frozen=True, eq=False)
class _Sizes:
    """Sizes of the tensors of an execution, as linear forms.

    Attributes:
        starts: of each tensor, in the rows of the lengths; then the number of those.
        base: lengths of all axes, with no unit kept.
        slope: what every kept unit adds.
    """

    starts: tuple[int, ...]
    base: Floats
    slope: Floats


class MemoryModel:
    """Numbers that are in memory at once, of one image.

    Args:
        flow: the pass over the model's graph.
        lengths: linear forms over the kept units of the free groups.
        branches: that may go.
    """

    def __init__(self, flow: Flow, lengths: Lengths, branches: Sequence[Branch]) -> None:
        self._flow, self._lengths, self._branches = flow, lengths, tuple(branches)
        self._known: dict[frozenset[int], tuple[Execution, _Sizes]] = {}

    def elements(self, units: Floats, gone: frozenset[int], layout: Layout) -> float:
        """Most numbers of activations that are needed at once.

        Args:
            units: kept units of every free group.
            gone: numbers of the branches that are removed.
            layout: how the runtime keeps them.
        """
        execution, sizes = self._execution(gone)
        lengths = (sizes.base + sizes.slope @ units).tolist()
        shapes = [tuple(lengths[start:end]) for start, end in pairwise(sizes.starts)]
        return most_at_once(execution, shapes, layout)

    def _execution(self, gone: frozenset[int]) -> tuple[Execution, _Sizes]:
        if gone not in self._known:
            if len(self._known) >= _KEPT:
                self._known.pop(next(iter(self._known)))
            self._known[gone] = self._made(gone)
        return self._known[gone]

    def _made(self, gone: frozenset[int]) -> tuple[Execution, _Sizes]:
        flow = self._flow
        nodes, _ = remaining_nodes(flow, [self._branches[number] for number in sorted(gone)])
        made = {name for node in nodes for name in node.outputs}

        def is_activation(name: str) -> bool:
            value = flow.value(name)
            return name in made and value.batched and value.ints is None

        execution = execution_of(
            nodes, flow.graph.outputs, is_activation, lambda name: flow.value(name).shape
        )
        rows: list[NDArray[np.intp] | int] = []
        starts = [0]
        for name in execution.tensors:
            value = flow.value(name)
            axes = zip(value.axes, value.shape, strict=True)
            rows += [size if ids is None else ids for ids, size in axes]
            starts.append(len(rows))
        return execution, _Sizes(tuple(starts), *self._lengths.of(rows))

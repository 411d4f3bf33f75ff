"""The kernels of a graph at given widths, in the order in which a runtime executes them."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeAlias

from edgeprune.pruning.execution import Execution, Step

Shape: TypeAlias = tuple[float, ...]
#: A tensor, and whether it lies in blocks.
Place: TypeAlias = tuple[int, bool]

_CONVS = frozenset({"conv", "depthwise", "grouped"})


@dataclass(frozen=True)
class Layout:
    """How a runtime keeps activations.

    Attributes:
        reuse: whether a tensor takes over the memory of an earlier one of the same shape, which
            is kept until then, and sums are written over an operand; else what is alive counts.
        block: channels that lie together in images that convolutions make; the last block is
            padded. 1: there are no blocks.
        multiple: convolutions of `block` or more channels read blocks where their number is a
            multiple of it; else images as they are, and then they make no blocks.
        scratch: numbers of working memory of a convolution that reads images as they are: it
            writes the rows of a matrix there, a portion of this size at a time; infinite: all.
    """

    reuse: bool = True
    block: int = 1
    multiple: int = 1
    scratch: float = 0.0


@dataclass(frozen=True)
class Kernel:
    """One kernel, or a copy into another order.

    Attributes:
        reads: what it reads.
        writes: what it makes.
        over: what it may write over, where it is the last to read it.
        scratch: numbers of working memory.
    """

    reads: tuple[Place, ...]
    writes: Place
    over: tuple[Place, ...] = ()
    scratch: float = 0.0


@dataclass
class Kernels:
    """The kernels of an execution at given shapes, in the order in which they run.

    Args:
        execution: of the graph.
        shapes: of its tensors.
        layout: how the runtime keeps them.
    """

    execution: Execution
    shapes: Sequence[Shape]
    layout: Layout
    _blocked: dict[int, bool] = field(default_factory=dict)
    _reads_blocks: dict[int, bool] = field(default_factory=dict)

    def ordered(self) -> list[Kernel]:
        """All kernels."""
        steps = self.execution.steps
        for step in steps:
            self._reads_blocks[step.writes] = reads = self._read_in_blocks(step)
            self._blocked[step.writes] = reads or self._makes_blocks(step)
        if not self.layout.reuse:
            return [self._plain(step) for step in steps]
        return list(self._in_depth(self._with_sums_fused(steps)))

    def _plain(self, step: Step) -> Kernel:
        reads = tuple((one, False) for one in step.reads)
        return Kernel(reads, (step.writes, False), scratch=self._scratch(step))

    def _with_sums_fused(self, steps: Sequence[Step]) -> list[Step]:
        """Steps where a sum is part of the convolution that makes one of its operands."""
        makers = {step.writes: step for step in steps}
        readers: dict[int, int] = {}
        for step in steps:
            for one in step.reads:
                readers[one] = readers.get(one, 0) + 1
        fused: dict[int, Step] = {}
        for step in steps:
            if step.kind != "sum" or len(step.reads) != 2 or not step.adds:
                continue
            for mine, other in (step.reads, step.reads[::-1]):
                maker = makers.get(mine)
                if maker is None or maker.kind not in _CONVS or not maker.bare:
                    continue
                alike = self.shapes[mine] == self.shapes[other]
                if alike and readers[mine] == 1 and self._blocked[mine] == self._blocked[other]:
                    fused[mine] = step
                    break
        whole = {step.writes for step in fused.values()}
        found = []
        for step in steps:
            if step.writes in whole:
                continue
            if (total := fused.get(step.writes)) is None:
                found.append(step)
                continue
            (other,) = (one for one in total.reads if one != step.writes)
            reads = (*step.reads, other)
            self._reads_blocks[total.writes] = self._reads_blocks[step.writes]
            self._blocked[total.writes] = self._blocked[step.writes]
            found.append(replace(step, reads=reads, writes=total.writes, sum=other))
        return found

    def _in_depth(self, steps: Sequence[Step]) -> Iterator[Kernel]:
        """Each kernel after those that it needs, in the order of its inputs; copies as well."""
        makers = {step.writes: step for step in steps}
        done: set[Place] = set()
        for end in self.execution.kept:
            waiting: list[tuple[Place, bool]] = [((end, self._blocked.get(end, False)), False)]
            while waiting:
                place, ready = waiting.pop()
                if place in done:
                    continue
                tensor, blocked = place
                own = self._blocked[tensor]
                if blocked != own:
                    if not ready:
                        waiting += [(place, True), ((tensor, own), False)]
                        continue
                    done.add(place)
                    yield Kernel(((tensor, own),), place)
                    continue
                step = makers[tensor]
                reads = tuple(self._place(step, one) for one in step.reads)
                if not ready:
                    waiting.append((place, True))
                    waiting += [(one, False) for one in reversed(reads) if one not in done]
                    continue
                done.add(place)
                yield Kernel(reads, place, self._over(step, reads), self._scratch(step))

    def _place(self, step: Step, one: int) -> Place:
        if one == step.sum:
            return one, self._blocked[step.writes]
        return one, self._reads_blocks[step.writes]

    def _over(self, step: Step, reads: Sequence[Place]) -> tuple[Place, ...]:
        if step.sum is not None:
            return ((step.sum, self._blocked[step.writes]),)
        return tuple(reads) if step.kind == "sum" else ()

    def _scratch(self, step: Step) -> float:
        if not step.taps or self._blocked[step.writes] or not self.layout.scratch:
            return 0.0
        _, written, *size = self.shapes[step.writes]
        positions = math.prod(size)
        if written <= positions * step.groups and math.isfinite(self.layout.scratch):
            return self.layout.scratch
        read = self.shapes[step.reads[0]][1] if step.reads else 0.0
        return read / step.groups * step.taps * positions

    def _read_in_blocks(self, step: Step) -> bool:
        block, multiple = self.layout.block, self.layout.multiple
        if block == 1 or step.kind == "other" or not step.reads:
            return False
        if step.kind in _CONVS:
            count = self.shapes[step.reads[0]][1]
            return count % multiple == 0 and (step.kind != "conv" or count >= block)
        if step.kind in {"concat", "pool"} and any(
            self.shapes[one][1] % block for one in step.reads
        ):
            return False
        alike = step.kind != "sum" or len({self.shapes[one] for one in step.reads}) == 1
        return alike and all(self._blocked[one] for one in step.reads)

    def _makes_blocks(self, step: Step) -> bool:
        """Few channels are read as they are, and blocks made of them."""
        if self.layout.block == 1 or step.kind != "conv":
            return False
        return not step.reads or self.shapes[step.reads[0]][1] < self.layout.block

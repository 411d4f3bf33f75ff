"""How runtimes lay activations out in memory, and how much of it they need at once.

Two kinds of runtimes are known. Those that place all tensors beforehand need what is alive at
once (TensorFlow Lite's arena, TVM's planned memory, up to gaps). ONNX Runtime gives each tensor a
piece of its own, or that of an earlier one *of the same shape*, which is kept until then; and its
convolutions make images in blocks of channels, of which those who cannot read them get a copy.
"""

import math
from bisect import insort
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeAlias

from edgeprune.pruning.execution import Execution, Step

Shape: TypeAlias = tuple[float, ...]
#: A tensor, and whether it lies in blocks.
Place: TypeAlias = tuple[int, bool]

#: Pieces begin at multiples of so many numbers.
_ALIGNED = 16
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
class _Kernel:
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
class _Piece:
    """A piece of memory.

    Attributes:
        size: numbers.
        first: when it is allocated.
        last: when it was last read.
        left: reads of what lies in it that are still to come.
    """

    size: float
    first: int
    last: int
    left: int


def most_at_once(execution: Execution, shapes: Sequence[Shape], layout: Layout) -> float:
    """Numbers that the memory for all activations has room for.

    Args:
        execution: of the graph.
        shapes: of its tensors.
        layout: how the runtime keeps them.
    """
    kernels = _Kernels(execution, shapes, layout).ordered()
    pieces = _pieces(kernels, execution.kept, shapes, layout)
    beside = max((one.scratch for one in kernels), default=0.0) if layout.reuse else 0.0
    return _block(pieces, layout) + beside


def _block(pieces: Sequence[_Piece], layout: Layout) -> float:
    """Size of one block in which all pieces have a place, where the runtimes put them.

    ONNX Runtime takes the pieces as they are allocated, and puts each where it wastes least; the
    others know all of them beforehand, and take the largest first.
    """
    order = sorted(pieces, key=lambda one: (one.first if layout.reuse else -one.size, one.first))
    placed: list[tuple[float, float, _Piece]] = []
    whole = 0.0
    for piece in order:
        size = math.ceil(piece.size / _ALIGNED) * _ALIGNED
        at = end = 0.0
        waste = math.inf
        for begin, taken, other in placed:
            if other.first > piece.last or piece.first > other.last:
                continue
            if size <= begin - end < waste + size:
                waste, at = begin - end - size, end
            end = max(end, begin + taken)
        if math.isinf(waste) or (layout.reuse and size <= whole - end < waste + size):
            at = end
        insort(placed, (at, size, piece), key=lambda one: one[0])
        whole = max(whole, at + size)
    return whole


@dataclass
class _Kernels:
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

    def ordered(self) -> list[_Kernel]:
        """All kernels."""
        steps = self.execution.steps
        for step in steps:
            self._reads_blocks[step.writes] = reads = self._read_in_blocks(step)
            self._blocked[step.writes] = reads or self._makes_blocks(step)
        if not self.layout.reuse:
            return [self._plain(step) for step in steps]
        return list(self._in_depth(self._with_sums_fused(steps)))

    def _plain(self, step: Step) -> _Kernel:
        reads = tuple((one, False) for one in step.reads)
        return _Kernel(reads, (step.writes, False), scratch=self._scratch(step))

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

    def _in_depth(self, steps: Sequence[Step]) -> Iterator[_Kernel]:
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
                    yield _Kernel(((tensor, own),), place)
                    continue
                step = makers[tensor]
                reads = tuple(self._place(step, one) for one in step.reads)
                if not ready:
                    waiting.append((place, True))
                    waiting += [(one, False) for one in reversed(reads) if one not in done]
                    continue
                done.add(place)
                yield _Kernel(reads, place, self._over(step, reads), self._scratch(step))

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
        if step.kind in {"concat", "pool"} and any(self.shapes[one][1] % block for one in step.reads):
            return False
        alike = step.kind != "sum" or len({self.shapes[one] for one in step.reads}) == 1
        return alike and all(self._blocked[one] for one in step.reads)

    def _makes_blocks(self, step: Step) -> bool:
        """Few channels are read as they are, and blocks made of them."""
        if self.layout.block == 1 or step.kind != "conv":
            return False
        return not step.reads or self.shapes[step.reads[0]][1] < self.layout.block


def _pieces(
    kernels: Sequence[_Kernel], kept: Sequence[int], shapes: Sequence[Shape], layout: Layout
) -> list[_Piece]:
    left: dict[Place, int] = {}
    for kernel in kernels:
        for place in kernel.reads:
            left[place] = left.get(place, 0) + 1
    ends = set(kept)
    piece_of: dict[Place, _Piece] = {}
    found: list[_Piece] = []
    free: dict[Shape, list[_Piece]] = {}
    for time, kernel in enumerate(kernels):
        place = kernel.writes
        shape = _padded(shapes[place[0]], layout.block) if place[1] else shapes[place[0]]
        reads = left.get(place, 0) + (place[0] in ends)
        piece = None
        if layout.reuse:
            piece = _overwritten(kernel, piece_of, shape, shapes, layout)
            if piece is None and free.get(shape):
                piece = free[shape].pop()
        if piece is None:
            piece = _Piece(math.prod(shape), time, time, 0)
            found.append(piece)
        if kernel.scratch and not layout.reuse:
            found.append(_Piece(kernel.scratch, time, time, 0))
        piece.left += reads
        piece.last = time
        piece_of[place] = piece
        for one in kernel.reads:
            if (used := piece_of.get(one)) is not None:
                used.left -= 1
                used.last = time
                if used.left == 0 and layout.reuse:
                    lies = _padded(shapes[one[0]], layout.block) if one[1] else shapes[one[0]]
                    free.setdefault(lies, []).append(used)
    for one in kept:
        for blocked in (False, True):
            if (one, blocked) in piece_of:
                piece_of[one, blocked].last = len(kernels)
    return found


def _overwritten(
    kernel: _Kernel,
    piece_of: dict[Place, _Piece],
    shape: Shape,
    shapes: Sequence[Shape],
    layout: Layout,
) -> _Piece | None:
    for place in kernel.over:
        piece = piece_of.get(place)
        lies = _padded(shapes[place[0]], layout.block) if place[1] else shapes[place[0]]
        if piece is not None and piece.left == 1 and lies == shape:
            return piece
    return None


def _padded(shape: Shape, block: int) -> Shape:
    """The shape with whole blocks of channels; only images lie in blocks."""
    return (shape[0], math.ceil(shape[1] / block) * block, *shape[2:])

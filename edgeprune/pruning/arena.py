"""How runtimes lay activations out in memory, and how much of it they need at once.

Two kinds of runtimes are known. Those that place all tensors beforehand need what is alive at
once (TensorFlow Lite's arena, TVM's planned memory, up to gaps). ONNX Runtime gives each tensor a
piece of its own, or that of an earlier one *of the same shape*, which is kept until then; and its
convolutions make images in blocks of channels, of which those who cannot read them get a copy.
"""

import math
from bisect import insort
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from edgeprune.pruning.execution import Execution
from edgeprune.pruning.kernel_order import Kernel, Kernels, Layout, Place, Shape

__all__ = ["Layout", "most_at_once"]

#: Pieces begin at multiples of so many numbers.
_ALIGNED = 16


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
    kernels = Kernels(execution, shapes, layout).ordered()
    pieces = _Allocation(kernels, execution.kept, shapes, layout).pieces()
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
class _Allocation:
    """The pieces of memory of kernels that run one after another.

    Args:
        kernels: in their order.
        kept: tensors that stay to the end.
        shapes: of the tensors.
        layout: how the runtime keeps them.
    """

    kernels: Sequence[Kernel]
    kept: Sequence[int]
    shapes: Sequence[Shape]
    layout: Layout
    _piece_of: dict[Place, _Piece] = field(default_factory=dict)
    _found: list[_Piece] = field(default_factory=list)
    _free: dict[Shape, list[_Piece]] = field(default_factory=dict)

    def pieces(self) -> list[_Piece]:
        """All of them."""
        reads = Counter(place for kernel in self.kernels for place in kernel.reads)
        for time, kernel in enumerate(self.kernels):
            if kernel.scratch and not self.layout.reuse:
                self._found.append(_Piece(kernel.scratch, time, time, 0))
            piece = self._taken_over(kernel) or self._new(kernel, time)
            piece.left += reads[kernel.writes] + (kernel.writes[0] in self.kept)
            piece.last = time
            self._piece_of[kernel.writes] = piece
            for place in kernel.reads:
                self._read(place, time)
        for place, piece in self._piece_of.items():
            if place[0] in self.kept:
                piece.last = len(self.kernels)
        return self._found

    def _new(self, kernel: Kernel, time: int) -> _Piece:
        piece = _Piece(math.prod(self._shape(kernel.writes)), time, time, 0)
        self._found.append(piece)
        return piece

    def _taken_over(self, kernel: Kernel) -> _Piece | None:
        """The piece of an operand that nobody else reads, or one that is free again."""
        if not self.layout.reuse:
            return None
        shape = self._shape(kernel.writes)
        for place in kernel.over:
            piece = self._piece_of.get(place)
            if piece is not None and piece.left == 1 and self._shape(place) == shape:
                return piece
        free = self._free.get(shape)
        return free.pop() if free else None

    def _read(self, place: Place, time: int) -> None:
        piece = self._piece_of.get(place)
        if piece is None:  # what is given to the network
            return
        piece.left -= 1
        piece.last = time
        if piece.left == 0:
            self._free.setdefault(self._shape(place), []).append(piece)

    def _shape(self, place: Place) -> Shape:
        """Of what lies there; in blocks with whole ones, and only images lie in blocks."""
        shape, block = self.shapes[place[0]], self.layout.block
        if not place[1]:
            return shape
        return (shape[0], math.ceil(shape[1] / block) * block, *shape[2:])

"""What runs between the layers of a net: tensors that are laid out anew, joins, pooling.

A runtime with fast code for blocks of channels (see `alignment`) keeps a tensor in blocks as long
as all that reads it takes blocks, and lays it out anew where something does not. A sum is taken
into the layer before it if both lie alike, and is a kernel of its own if not; so is an activation
behind such a sum. What a net runs beside its layers follows from their paths and its graph: on ONNX
Runtime kernel by kernel, which a test holds against its profile.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from edgeprune.latency.alignment import ALIGNED, UNALIGNED, Paths
from edgeprune.latency.costs import Floats
from edgeprune.latency.features import Shapes
from edgeprune.latency.graph import Kind, Step

#: A tensor that does not fit a cache costs more for each element.
_SQUARES = 1e-6
_JOINS = (Kind.SUM, Kind.PRODUCT, Kind.CONCATENATION)


@dataclass(frozen=True, eq=False)
class Beside:
    """What a net runs beside its layers.

    Attributes:
        kernels: how many.
        features: float64 (columns,), none negative: a one, then elements and counts by kind.
    """

    kernels: int
    features: Floats


def beside(steps: Sequence[Step], shapes: Shapes, paths: Paths, block: int = 1) -> Beside:
    """What runs between layers of these shapes.

    Args:
        steps: of the net, by `read_steps`.
        shapes: of its layers; one that writes nothing is removed.
        paths: of the same.
        block: channels in a block: pools and concatenations take whole blocks alone.
    """
    convolved = np.array([kind != "linear" for kind in shapes.kinds])
    walk = _Walk(
        block,
        shapes.written.tolist(),
        (shapes.written * shapes.out_pixels).tolist(),
        ((paths == ALIGNED) & convolved).tolist(),
        ((paths != UNALIGNED) & convolved).tolist(),
    )
    for step in steps:
        walk.take(step)
    return walk.seen()


class _Tensor:
    """What a step leaves.

    Attributes:
        channels: of it, where it lies in blocks.
        elements: of it.
        blocked: whether it lies in blocks of channels.
        open: whether what comes next can be taken into the kernel that wrote it.
        activated: whether an activation came last: behind a removed branch a second one is none.
        wanted: whether one of its readers takes it in the other layout.
    """

    __slots__ = ("activated", "blocked", "channels", "elements", "open", "wanted")

    def __init__(
        self, elements: float, channels: float = 0.0, blocked: bool = False, open_: bool = False
    ) -> None:
        self.elements, self.channels, self.blocked, self.open = elements, channels, blocked, open_
        self.activated = self.wanted = False

    def read(self, blocked: bool) -> None:
        """A reader takes it in blocks, or plainly."""
        if blocked is not self.blocked:
            self.wanted = True


class _Walk:
    """Goes through the steps and notes what runs.

    Args:
        block: channels in a block.
        channels: that each layer writes.
        elements: likewise.
        reads: whether it reads blocks.
        writes: whether it writes them.
    """

    def __init__(
        self,
        block: int,
        channels: list[float],
        elements: list[float],
        reads: list[bool],
        writes: list[bool],
    ) -> None:
        self._block, self._channels, self._elements = block, channels, elements
        self._reads, self._writes = reads, writes
        self._left: list[_Tensor | None] = []  # by each step; None: its branch is removed
        # Elements that kernels of their own write: by joins and activations, and by all else.
        self._apart: tuple[list[float], list[float]] = ([], [])  # plainly, and in blocks
        self._others: list[float] = []

    def take(self, step: Step) -> None:
        """One step more."""
        kind, left = step.kind, self._left
        sources = [one for place in step.sources if (one := left[place]) is not None]
        found: _Tensor | None = None
        if kind is Kind.LAYER:
            found = self._layer(step, sources)
        elif kind is Kind.INPUT:
            found = _Tensor(step.elements)
        elif not sources:
            pass  # all before it is removed
        elif kind is Kind.ACTIVATION:
            found = self._activation(sources[0])
        elif kind not in _JOINS:
            found = self._alone(step, sources[0])
        elif len(sources) > 1:
            found = self._join(step, sources)
        else:
            found = sources[0]  # it adds a constant, or the other branch is removed
        left.append(found)

    def seen(self) -> Beside:
        """What the steps came to."""
        anew: tuple[list[float], list[float]] = ([], [])
        for tensor in {id(one): one for one in self._left if one is not None}.values():
            if tensor.wanted:
                anew[not tensor.blocked].append(tensor.elements)
        columns = [1.0, sum(self._others)]
        for elements in (*anew, *self._apart):
            columns += [len(elements), sum(elements), _SQUARES * sum(x * x for x in elements)]
        kernels = sum(map(len, (*anew, *self._apart, self._others)))
        return Beside(kernels, np.array(columns, np.float64))

    def _layer(self, step: Step, sources: list[_Tensor]) -> _Tensor | None:
        layer = step.layer
        if not self._elements[layer]:
            return None
        for one in sources:
            one.read(self._reads[layer])
        found = _Tensor(self._elements[layer], self._channels[layer], self._writes[layer])
        found.open, found.activated = step.open, step.activated
        return found

    def _activation(self, source: _Tensor) -> _Tensor:
        found = source
        if not (source.open or source.activated):
            self._apart[source.blocked].append(source.elements)
            found = _Tensor(source.elements, source.channels, source.blocked)
        found.open, found.activated = False, True
        return found

    def _join(self, step: Step, sources: list[_Tensor]) -> _Tensor:
        sizes = [one.elements for one in sources]
        blocked = all(one.blocked for one in sources)
        if step.kind is Kind.CONCATENATION:
            blocked = blocked and all(one.channels % self._block == 0 for one in sources)
            elements, channels = sum(sizes), sum(one.channels for one in sources)
        else:
            blocked = blocked and min(sizes) == max(sizes)  # else one is spread over the other
            elements, channels = max(sizes), sources[0].channels
        for one in sources:
            one.read(blocked)
        taken_in = step.kind is Kind.SUM and any(
            one.open and one.blocked is blocked for one in sources
        )
        if not taken_in:
            self._apart[blocked].append(elements)
        return _Tensor(elements, channels, blocked, taken_in and step.open)

    def _alone(self, step: Step, source: _Tensor) -> _Tensor:
        blocked = source.blocked and (
            step.kind is Kind.NORM
            or (step.kind is Kind.POOL and source.channels % self._block == 0)
        )
        source.read(blocked)
        found = _Tensor(source.elements * step.growth, source.channels, blocked)
        if step.kind is Kind.NORM:
            self._apart[blocked].append(found.elements)
            found.open = blocked and step.open
        elif step.kind is not Kind.OUTPUT:
            self._others.append(found.elements)
            found.activated = source.activated  # cut out, padded or pooled: not below zero
        return found

"""Which code a runtime takes for a kernel: that for aligned channels, for others, or for few.

ONNX Runtime on x86, for one, lays channels out in blocks where their number is a multiple of 4,
and multiplies plain matrices where it is not: a depthwise layer then takes six times as long. Its
int8 convolutions are fast where multiples of 4 are read and written, and 16 written at least: one
of 4 to 4 channels takes longer than one of 16 to 16. Nothing of that is written here: the counts
are learned.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from edgeprune.latency.costs import Floats
from edgeprune.latency.features import Shapes
from edgeprune.latency.fitting import fit

Paths = NDArray[np.intp]

#: Values of `paths`.
ALIGNED, UNALIGNED, FEW = 0, 1, 2
PATHS = 3

_MULTIPLES = (1, 2, 4, 8, 16)
_FEWEST = (0, 8, 16, 32)
#: How often the counts are gone through, each given the others.
_ROUNDS = 2
#: One more path has to lower the mean relative error by this share of it, and by so much, to be
#: believed: stairs alone look a little like it.
_WORTH_SHARE = 0.1
_WORTH = 0.002
#: A single sample's relative error counts up to here.
_LARGEST_ERROR = 0.5


@dataclass(frozen=True)
class Alignment:
    """What decides about the code, for one kind of kernel.

    Attributes:
        multiple: input channels that are no multiple of it (output channels, where every channel
            is convolved by itself) take the slow path.
        both: output channels that are none take it, too.
        fewest: fewer input channels than this take a path of their own.
        fewest_written: fewer output channels than this take it, too.
    """

    multiple: int = 1
    both: bool = False
    fewest: int = 0
    fewest_written: int = 0

    def paths(self, shapes: Shapes) -> Paths:
        """The path of every kernel: `ALIGNED`, `UNALIGNED` or `FEW`."""
        slow = np.where(shapes.plain, shapes.read, shapes.written) % self.multiple != 0
        if self.both:
            slow |= shapes.written % self.multiple != 0
        few = (shapes.read < self.fewest) | (shapes.written < self.fewest_written)
        found = np.where(slow, UNALIGNED, ALIGNED)
        return np.where(shapes.plain & few, FEW, found)


def learn_alignment(
    shapes: Shapes, columns: Floats, times: Floats, families: NDArray[np.intp]
) -> Alignment:
    """The alignment under which the times are best explained; the simplest of equal ones.

    Args:
        shapes: kernels of one kind.
        columns: their features.
        times: their times.
        families: which kernels have the same code otherwise.
    """
    scores: dict[Alignment, float] = {}

    def score(option: Alignment) -> float:
        if option not in scores:
            paths = option.paths(shapes)
            parts = families * PATHS + paths
            errors = _by_parts(parts, lambda chosen: _errors(columns, times, chosen))
            more = len(np.unique(paths)) - 1
            scores[option] = errors / len(times) * (1 + _WORTH_SHARE * more) + _WORTH * more
        return scores[option]

    best, plain = Alignment(), bool(shapes.plain.any())
    for _ in range(_ROUNDS):
        for options in (_multiples(best, plain=plain), _counts(best) if plain else []):
            for option in options:
                if score(option) < score(best) * (1 - 1e-6):
                    best = option
    return best


def _multiples(start: Alignment, *, plain: bool) -> list[Alignment]:
    return [
        replace(start, multiple=multiple, both=both)
        for both in ((False, True) if plain else (False,))
        for multiple in _MULTIPLES
    ]


def _counts(start: Alignment) -> list[Alignment]:
    read = [replace(start, fewest=count, fewest_written=0) for count in _FEWEST]
    return read + [replace(start, fewest=0, fewest_written=count) for count in _FEWEST[1:]]


def _by_parts(parts: NDArray[np.intp], score: Callable[[NDArray[np.bool_]], float]) -> float:
    return sum(score(parts == part) for part in np.unique(parts))


def _errors(columns: Floats, times: Floats, chosen: NDArray[np.bool_]) -> float:
    weights = fit(columns[chosen], times[chosen], rounds=1)
    errors = np.abs(columns[chosen] @ weights / times[chosen] - 1)
    # As many more as weights were spent on so many samples.
    spent = min(np.count_nonzero(weights) / len(errors), 0.9)
    return float(np.minimum(errors, _LARGEST_ERROR).sum() / (1 - spent))

"""Which code a runtime takes for a kernel: that for aligned channels, for others, or for few.

ONNX Runtime on x86, for one, lays channels out in blocks where their number is a multiple of 4,
and multiplies plain matrices where it is not: a depthwise layer then takes six times as long.
Nothing of that is written here: the counts are learned.
"""

from collections.abc import Callable
from dataclasses import dataclass

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
        fewest: fewer input channels than this take a path of their own.
    """

    multiple: int = 1
    fewest: int = 0

    def paths(self, shapes: Shapes) -> Paths:
        """The path of every kernel: `ALIGNED`, `UNALIGNED` or `FEW`."""
        counted = np.where(shapes.plain, shapes.read, shapes.written)
        found = np.where(counted % self.multiple != 0, UNALIGNED, ALIGNED)
        return np.where(shapes.plain & (shapes.read < self.fewest), FEW, found)


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
    plain = bool(shapes.plain.any())
    options = [
        Alignment(multiple, fewest)
        for multiple in _MULTIPLES
        for fewest in (_FEWEST if plain else (0,))
    ]
    best, least = options[0], np.inf
    for option in options:
        paths = option.paths(shapes)
        errors = _by_parts(families * PATHS + paths, lambda chosen: _errors(columns, times, chosen))
        more = len(np.unique(paths)) - 1
        score = errors / len(times) * (1 + _WORTH_SHARE * more) + _WORTH * more
        if score < least * (1 - 1e-6):
            best, least = option, score
    return best


def _by_parts(parts: NDArray[np.intp], score: Callable[[NDArray[np.bool_]], float]) -> float:
    return sum(score(parts == part) for part in np.unique(parts))


def _errors(columns: Floats, times: Floats, chosen: NDArray[np.bool_]) -> float:
    weights = fit(columns[chosen], times[chosen], rounds=1)
    errors = np.abs(columns[chosen] @ weights / times[chosen] - 1)
    # As many more as weights were spent on so many samples.
    spent = min(np.count_nonzero(weights) / len(errors), 0.9)
    return float(np.minimum(errors, _LARGEST_ERROR).sum() / (1 - spent))

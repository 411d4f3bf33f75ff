"""Finding out what the constants of a converted file are, by their values.

The network that was converted had random weights: no two of its arrays are equal, so that values
tell which is which, and in which order its axes were written.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import permutations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeprune.export.tflite_slicing.numbers import Arrays, Numbers

#: Rounding of what a converter computes, as a share of the largest number.
_ROUNDING = {np.dtype(np.float32): 1e-5, np.dtype(np.float16): 2e-3}


@dataclass(frozen=True)
class Recipe:
    """How a constant is made of a candidate.

    Attributes:
        numbers: the array.
        axes: which of its axes stands on each axis of the constant; None: an axis of length 1.
    """

    numbers: Numbers
    axes: tuple[int | None, ...]

    def of(self, arrays: Arrays) -> NDArray[Any]:
        """The constant in a candidate; a view where nothing is computed.

        Raises:
            ValueError: an axis that is left out has become longer than 1.
        """
        array = self.numbers.of(arrays)
        used = [axis for axis in self.axes if axis is not None]
        left = [axis for axis in range(array.ndim) if axis not in used]
        placed = array.transpose(*used, *left)
        if any(array.shape[axis] != 1 for axis in left):
            msg = f"{self.numbers.name!r} has shape {array.shape}"
            raise ValueError(msg)
        sizes = iter(placed.shape)
        return placed.reshape([1 if axis is None else next(sizes) for axis in self.axes])


class Matcher:
    """Knows the arrays that may stand in a file.

    Args:
        possible: all of them, likelier ones first.
        arrays: of the network that was converted.
    """

    def __init__(self, possible: Iterable[Numbers], arrays: Arrays) -> None:
        self._by_size: dict[int, list[tuple[Numbers, NDArray[Any]]]] = {}
        for one in possible:
            if one.present(arrays):
                values = one.of(arrays)
                self._by_size.setdefault(values.size, []).append((one, values))

    def find(self, constant: NDArray[Any]) -> Recipe | None:
        """What a constant is; None where it is nothing of the network."""
        allowed = _ROUNDING.get(constant.dtype)
        if allowed is None or constant.size == 0:
            return None
        wanted = constant.astype(np.float64)
        largest = float(np.abs(wanted).max())
        for numbers, array in self._by_size.get(constant.size, ()):
            if abs(float(array.sum(dtype=np.float64)) - wanted.sum()) > (
                allowed * largest * constant.size
            ):
                continue
            axes = _placed(array, wanted, allowed * largest)
            if axes is not None:
                return Recipe(numbers, axes)
        return None


def _placed(
    array: NDArray[Any], wanted: NDArray[Any], difference: float
) -> tuple[int | None, ...] | None:
    """The order in which an array's axes give what is wanted; those of length 1 do not count."""
    long = [axis for axis, size in enumerate(array.shape) if size > 1]
    there = [axis for axis, size in enumerate(wanted.shape) if size > 1]
    sizes = [wanted.shape[axis] for axis in there]
    flat = array.reshape([array.shape[axis] for axis in long])
    for order in permutations(range(len(long))):
        if [flat.shape[axis] for axis in order] != sizes:
            continue
        if np.abs(flat.transpose(order).reshape(wanted.shape) - wanted).max() <= difference:
            found: list[int | None] = [None] * wanted.ndim
            for place, axis in zip(there, order, strict=True):
                found[place] = long[axis]
            return tuple(found)
    return None

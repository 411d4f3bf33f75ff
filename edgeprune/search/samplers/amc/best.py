"""The best of many, kept up to date without sorting all of them again."""

from bisect import bisect_right
from typing import Any


class Best:
    """The places of the highest keys; of equal ones the earlier.

    Args:
        size: so many are kept.

    Attributes:
        places: the best first.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._lowest: list[_Falling] = []
        self.places: list[int] = []

    def add(self, key: Any, place: int) -> None:
        """Take one in.

        Args:
            key: what compares.
            place: told of the best.
        """
        found = bisect_right(self._lowest, _Falling(key))
        if found < self._size:
            self._lowest.insert(found, _Falling(key))
            self.places.insert(found, place)
            del self._lowest[self._size :], self.places[self._size :]


class _Falling:
    """A key that sorts from the highest to the lowest."""

    __slots__ = ("key",)

    def __init__(self, key: Any) -> None:
        self.key = key

    def __lt__(self, other: "_Falling") -> bool:
        return bool(other.key < self.key)

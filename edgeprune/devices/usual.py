"""What a baseline usually takes on a device: a moment in which it takes longer is a bad one."""

import statistics
from collections import deque

#: So many of the newest levels say what is usual, and so many must be known.
_NEWEST, _FEWEST = 9, 3
#: A level is slow beyond this many times what is usual: undisturbed, they differ by 1 to 3 %.
_SLOW = 1.08


class Usual:
    """The newest levels of one baseline, in milliseconds.

    What slows a small network down does so by an amount rather than a factor, so that a
    candidate's ratio comes out too large: in recorded searches of a network of 0.2 ms on a shared
    machine, ratios from such moments (3 to 25 of 100) were 11 to 28 % off their estimates, all
    others 3 to 9 %. The baseline, which is measured beside each candidate, tells the moment
    without a look at the candidate. A device that stays slower, as a warm one does, is slow for a
    few measurements only.
    """

    def __init__(self) -> None:
        self._levels: deque[float] = deque(maxlen=_NEWEST)

    def add(self, level_ms: float) -> None:
        """Take in a level that counts."""
        self._levels.append(level_ms)

    def exceeded(self, level_ms: float) -> bool:
        """Whether it takes clearly longer than usual."""
        known = len(self._levels) >= _FEWEST
        return known and level_ms > _SLOW * statistics.median(self._levels)

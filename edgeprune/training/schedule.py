"""How the learning rate changes over the steps of a training."""

import math
from collections.abc import Callable
from dataclasses import dataclass

from edgeprune.errors import UserError, nearest

#: What is left of the highest learning rate, by the share of the falling part that is behind.
_FALLS: dict[str, Callable[[float], float]] = {
    "cosine": lambda behind: 0.5 * (1 + math.cos(math.pi * behind)),
    "linear": lambda behind: 1 - behind,
}


@dataclass(frozen=True)
class Schedule:
    """A linear rise, then a fall to zero.

    Attributes:
        fall: ``cosine`` (half a wave) or ``linear``.
        warmup: share of all steps that the rise takes, from 0 to below 1.

    Raises:
        UserError: one of them is something else.
    """

    fall: str = "cosine"
    warmup: float = 0.0

    def __post_init__(self) -> None:
        if self.fall not in _FALLS:
            allowed = ", ".join(_FALLS)
            msg = f"unknown schedule {self.fall!r}; allowed: {allowed}{nearest(self.fall, _FALLS)}"
            raise UserError(msg)
        if not 0 <= self.warmup < 1:
            msg = f"warm-up is {self.warmup} of the steps; allowed: from 0 to below 1"
            raise UserError(msg)

    def factor(self, done: int, steps: int) -> float:
        """Share of the highest learning rate that the next step takes.

        Args:
            done: steps behind, from 0.
            steps: steps in all.
        """
        rise = round(self.warmup * steps)
        if done < rise:
            return (done + 1) / (rise + 1)
        return _FALLS[self.fall]((done - rise) / (steps - rise))

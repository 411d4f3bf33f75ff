"""Intervals of predictions that hold: widened or narrowed until measurements lie inside."""

import math
from functools import cached_property

import numpy as np
from scipy.stats import norm

#: Share of measurements that an interval is to hold.
COVERAGE = 0.95
#: Errors that are taken for seen before any is: as many of a normal distribution, and one less for
#: every two that were seen.
_SUPPOSED = 20
#: Errors that are looked back on.
_MOST = 200


class Calibration:
    """How many expected deviations the interval reaches to either side.

    Conformal prediction (Papadopoulos et al. 2002; Lei et al. 2018) with errors that were made
    before the measurement came, each divided by the deviation that was expected of it.
    """

    def __init__(self) -> None:
        self._seen: list[float] = []

    @cached_property
    def reach(self) -> float:
        """Half the interval, in expected deviations."""
        supposed = max(0, _SUPPOSED - len(self._seen) // 2)
        places = (np.arange(supposed) + 0.5) / max(supposed, 1)
        scores = sorted([*norm.ppf((1 + places) / 2).tolist(), *self._seen])
        place = math.ceil(COVERAGE * (len(scores) + 1)) - 1
        return float(scores[min(place, len(scores) - 1)])

    def learn(self, error: float, deviation: float) -> None:
        """Take in how far a prediction was off.

        Args:
            error: of the logarithm of the ratio.
            deviation: that was expected of it.
        """
        self._seen = [*self._seen, abs(error) / deviation][-_MOST:]
        self.__dict__.pop("reach", None)

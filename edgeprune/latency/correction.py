"""What whole nets take beside what their kernels say, learned from few measurements."""

import numpy as np

from edgeprune.latency.costs import Floats

#: How far slope and offset may be off 1 and 0: standard deviations.
_SLOPE_ERROR = 0.15
_OFFSET_ERROR = 0.1
#: Relative error of one estimate from kernels beside its measurement.
_ERROR = 0.02
#: The base's ratio is exact but for rounding.
_BASE_ERROR = 0.001
#: The estimate must not fall when the kernels take longer.
_SMALLEST_SLOPE = 0.1


class Correction:
    """Measured ratio = slope x ratio of the kernels' sums + offset.

    A profile makes small kernels look longer than they are, and a whole net has costs of its own.
    Linear regression with a Gaussian prior at slope 1 and offset 0.
    """

    def __init__(self) -> None:
        self._precision = np.diag([_SLOPE_ERROR**-2, _OFFSET_ERROR**-2])
        self._moment = self._precision @ np.array([1.0, 0.0])
        self._weights: Floats | None = None
        self._add(1.0, 1.0, _BASE_ERROR)

    def learn(self, summed: float, ratio: float) -> None:
        """Take in one measurement.

        Args:
            summed: what the kernels say, as a ratio to the base.
            ratio: what was measured.
        """
        self._add(summed, ratio, _ERROR * ratio)

    def apply(self, summed: float) -> float:
        """The corrected ratio."""
        if self._weights is None:
            slope, offset = np.linalg.solve(self._precision, self._moment)
            self._weights = np.array([max(float(slope), _SMALLEST_SLOPE), float(offset)])
        return max(float(self._weights @ (summed, 1.0)), 1e-6)

    def _add(self, summed: float, ratio: float, error: float) -> None:
        row = np.array([summed, 1.0]) / error
        self._precision += np.outer(row, row)
        self._moment += row * (ratio / error)
        self._weights = None

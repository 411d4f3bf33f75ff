"""What whole nets take beside what their kernels say: a scale of each layer, learned from few."""

import math
from dataclasses import dataclass, field
from functools import cached_property, lru_cache

import numpy as np
from scipy.linalg import cho_factor, cho_solve

from edgeprune.latency.costs import Floats

#: How far the scale of all kernels may be off 1, and off 0 what all calls take beside their kernels
#: and what a net takes beside its calls, as shares of the base's time: a profile makes each kernel
#: look longer than it is, and a net has costs of its own.
_COMMON, _CALLS, _OFFSET = 0.15, 0.1, 0.1
#: Weights that are no scales: of the calls of layers, of those of all else, and the constant.
_OTHERS = 3
#: How far a layer's own scale may be off that of all, and how far a measurement off the estimate:
#: the pair under which the measurements are most likely is used.
_OWN = (0.02, 0.06, 0.15)
_NOISE = (0.006, 0.012, 0.025, 0.05, 0.1)
#: Where noise is expected, and the factor that it is off by mostly.
_LIKELY_NOISE, _NOISE_SPREAD = 0.02, 1.4
#: The base's ratio is exact, but the sum of its kernels is off as any net's.
_BASE_ERROR = 0.01
#: Errors beyond so many standard deviations count as if they were there (Huber).
_HUBER = 2.0
#: Measurements that are looked back on.
_MOST = 200


@dataclass
class KernelScales:
    """Measured ratio = sum of each layer's scale x its time + shares of the calls + a constant.

    Linear regression with a Gaussian prior under which all scales are nearly one, and that nearly
    1; the rest is nearly nothing, and may be less. No scale is negative, so that the estimate never
    falls when a kernel takes longer.

    Args:
        base: the base's row: what its layers take, and what it spends beside them, as shares of
            its time; then the kernels that run beside the layers, as a share of the base's.
    """

    base: Floats
    _rows: list[Floats] = field(default_factory=list)
    _ratios: list[float] = field(default_factory=list)
    _errors: list[float] = field(default_factory=list)

    def learn(self, row: Floats, ratio: float, error: float = 0.0) -> None:
        """Take in one measurement.

        Args:
            row: the net's, as the base's.
            ratio: what was measured.
            error: its own standard deviation, as a share of it, where the measurement tells.
        """
        self._rows.append(self._whole(row))
        self._ratios.append(ratio)
        self._errors.append(error)
        self.__dict__.pop("_fitted", None)

    def predict(self, row: Floats) -> float:
        """The ratio of a net with this row."""
        return max(float(self._whole(row) @ self._fitted.scales), 1e-6)

    def deviation(self, row: Floats) -> float:
        """Standard deviation of a measured ratio around the estimate, as a share of it."""
        whole, fitted = self._whole(row), self._fitted
        of_scales = float(whole @ cho_solve(fitted.factor, whole, check_finite=False))
        ratio = max(float(whole @ fitted.scales), 1e-6)
        return float(np.hypot(np.sqrt(max(of_scales, 0.0)) / ratio, fitted.noise))

    @property
    def noise(self) -> float:
        """Standard deviation of what no scale explains, as a share of a ratio."""
        return self._fitted.noise

    def _whole(self, row: Floats) -> Floats:
        """The row, before its last the share of the base's layers that are called; a constant."""
        calls = np.count_nonzero(row[:-2]) / max(int(np.count_nonzero(self.base[:-2])), 1)
        return np.concatenate([row[:-1], [calls, row[-1], 1.0]])

    @cached_property
    def _fitted(self) -> "_Fit":
        rows = np.array([self._whole(self.base), *self._rows[-_MOST:]])
        ratios = np.array([1.0, *self._ratios[-_MOST:]])
        errors = np.array([0.0, *self._errors[-_MOST:]])
        return _most_likely(rows, ratios, errors)


@dataclass(frozen=True, eq=False)
class _Fit:
    scales: Floats
    factor: tuple[Floats, bool]
    noise: float


def _most_likely(rows: Floats, ratios: Floats, errors: Floats) -> _Fit:
    """The fit under the pair of `_OWN` and `_NOISE` that the measurements speak for.

    Args:
        rows: of (1 + measurements, weights); the first is the base's.
        ratios: what was measured.
        errors: each measurement's own, as a share of it.
    """
    scales = rows.shape[1] - _OTHERS
    prior = np.append(np.ones(scales), np.zeros(_OTHERS))
    inverses, log_priors = _priors(scales)
    noises = np.tile(_NOISE, len(_OWN))
    expected = np.hypot(noises[:, None], errors) * ratios
    expected[:, 0] = _BASE_ERROR
    surprise = ratios - rows @ prior
    weights = np.ones_like(expected)
    for last in (False, False, True):
        deviations = expected * weights
        scaled = rows / deviations[:, :, None]
        moments = scaled.swapaxes(1, 2) @ (surprise / deviations)[:, :, None]
        precisions = inverses + scaled.swapaxes(1, 2) @ scaled
        changes = np.linalg.solve(precisions, moments)[:, :, 0]
        if not last:
            left = np.abs(surprise - changes @ rows.T) / expected
            # Those that something disturbed count less; how unlikely they are is seen below.
            weights = np.sqrt(np.maximum(left / _HUBER, 1))
    fit = ((surprise / deviations) ** 2).sum(1) - (moments[:, :, 0] * changes).sum(1)
    determinants = np.linalg.slogdet(precisions)[1]
    evidence = -0.5 * (fit + determinants + log_priors) - np.log(deviations).sum(1)
    # A few measurements are explained by so many scales without any noise.
    evidence -= 0.5 * (np.log(noises / _LIKELY_NOISE) / math.log(_NOISE_SPREAD)) ** 2
    best = int(evidence.argmax())
    factor = cho_factor(precisions[best], lower=True, check_finite=False)
    found = _not_negative(prior + changes[best], precisions[best])
    return _Fit(found, factor, float(noises[best]))


@lru_cache(maxsize=8)
def _priors(scales: int) -> tuple[Floats, Floats]:
    """Inverse covariance of the weights before anything is measured, and its log determinant.

    Returns:
        Of (pairs of `_OWN` and `_NOISE`, weights, weights) and (pairs,).
    """
    covariances = []
    for own in _OWN:
        others = [_CALLS**2, _CALLS**2, _OFFSET**2]
        covariance = np.diag(np.append(np.full(scales, own**2), others))
        covariance[:scales, :scales] += _COMMON**2
        covariances += [covariance] * len(_NOISE)
    stacked = np.array(covariances)
    return np.linalg.inv(stacked), np.linalg.slogdet(stacked)[1]


def _not_negative(found: Floats, precision: Floats) -> Floats:
    """The most probable weights whose scales are none negative, by an active set from above."""
    moment = precision @ found
    others = np.arange(len(found)) >= len(found) - _OTHERS
    free = np.ones(len(found), bool)
    while (found[free & ~others] < 0).any():
        free &= others | (found >= 0)
        part = precision[np.ix_(free, free)]
        found = np.zeros(len(found))
        found[free] = cho_solve(cho_factor(part, check_finite=False), moment[free])
    return found

"""A linear model of latency over layer costs, fitted in a Bayesian way to few measurements."""

import math

import numpy as np
from scipy.linalg import cho_factor, cho_solve
from scipy.linalg.lapack import dtrtri

from edgeprune.latency.costs import Floats, LayerCosts

#: Shares of the base's latency that are expected before anything is measured: multiply-accumulates,
#: elements read and written, weights, calls of layers, and a constant. Halving ResNet-20's MACs cut
#: its latency by 1.45x, not by 2x.
_SHARES = np.array([0.6, 0.2, 0.05, 0.075, 0.075])
#: How far off those shares may be.
_SHARES_ERROR = np.array([0.3, 0.2, 0.1, 0.14, 0.14])
#: How far one layer's speed may be off that of all: standard deviation of its factor.
_LAYER_ERROR = 0.5
#: Relative error of one measured ratio; the base's own is exact but for rounding.
MEASUREMENT_ERROR = 0.012
_BASE_ERROR = 0.001


class StepModel:
    """Latency ratio = each layer's speed x its costs + the weights' + the calls' + a constant.

    Linear regression with a Gaussian prior under which all layers have nearly one speed: the
    common speed is learnt from the first measurements, those of single layers as measurements
    tell them apart. No coefficient is negative, so the estimate never falls when a layer costs
    more.

    Args:
        base: costs of the base model, whose latency ratio is 1; (1, layers).
    """

    def __init__(self, base: LayerCosts) -> None:
        self._totals = (
            float(base.macs.sum()),
            float(_elements(base).sum()),
            max(float(base.weights.sum()), 1.0),
        )
        layers = base.macs.shape[-1]
        self._prior = np.repeat(_SHARES, [layers, layers, 1, 1, 1])
        self._precision = np.linalg.inv(_prior_covariance(layers))
        # Normal equations around the prior.
        self._moment = np.zeros(len(self._prior))
        self._surprise = 0.0
        self._log_scale = -0.5 * float(np.linalg.slogdet(self._precision)[1])
        self._factor: Floats = np.empty((0, 0))
        self._coefficients: Floats | None = None
        self._whitening: Floats | None = None
        self.evidence = 0.0
        self._add(self._rows(base)[0], 1.0, _BASE_ERROR)

    def foretold(self, costs: LayerCosts) -> tuple[Floats, Floats]:
        """Estimated latency ratios of some plans, and how far measurements lie from them.

        Equal to the bit whatever other plans are asked for at once.

        Args:
            costs: (plans, layers).

        Returns:
            The ratios, and the standard deviations around them as shares of them; each (plans,).
        """
        rows = self._rows(costs)
        ratios = self._estimates(rows)
        if self._whitening is None:
            # A hundredth of the time that `solve_triangular` takes for the unit matrix.
            inverse, _ = dtrtri(self._factor, lower=1)
            self._whitening = np.ascontiguousarray(inverse.T)
        # One product for each plan, of one shape: those of matrices round by what is beside it.
        of_model = (np.matmul(rows[:, None], self._whitening)[:, 0] ** 2).sum(axis=-1)
        deviations = np.sqrt(of_model) / np.maximum(ratios, 1e-6)
        return ratios, np.hypot(deviations, MEASUREMENT_ERROR)

    def ratios(self, costs: LayerCosts) -> Floats:
        """The ratios of `foretold` alone, which are at hand sooner after a measurement."""
        return self._estimates(self._rows(costs))

    def learn(self, costs: LayerCosts, ratio: float, error: float = 0.0) -> None:
        """Take in one measured ratio; `evidence` is the log likelihood of all of them.

        Args:
            costs: of its layers, (1, layers).
            ratio: that was measured.
            error: its own standard deviation, as a share of it, where that is known.
        """
        self._add(self._rows(costs)[0], ratio, math.hypot(MEASUREMENT_ERROR, error) * ratio)

    def _estimates(self, rows: Floats) -> Floats:
        if self._coefficients is None:
            self._coefficients = self._fit()
        estimates: Floats = (rows * self._coefficients).sum(axis=-1)
        return estimates

    def _add(self, row: Floats, ratio: float, error: float) -> None:
        scaled, surprise = row / error, (ratio - row @ self._prior) / error
        self._precision += np.outer(scaled, scaled)
        self._moment += scaled * surprise
        self._surprise += surprise**2
        self._log_scale += math.log(error)
        factor = cho_factor(self._precision, lower=True, check_finite=False)
        explained = self._moment @ cho_solve(factor, self._moment, check_finite=False)
        log_determinant = 2 * float(np.log(np.diag(factor[0])).sum())
        fit = self._surprise - float(explained)
        self.evidence = -0.5 * (fit + log_determinant) - self._log_scale
        self._factor = np.tril(factor[0])
        self._coefficients = self._whitening = None

    def _fit(self) -> Floats:
        """The most probable coefficients that are not negative, by an active set from above."""
        moment = self._moment + self._precision @ self._prior
        found = np.zeros(len(moment))
        free = np.ones(len(moment), bool)
        while free.any():
            part = self._precision[np.ix_(free, free)]
            solved = cho_solve(cho_factor(part, check_finite=False), moment[free])
            found[:] = 0.0
            found[free] = solved
            if (solved >= 0).all():
                break
            free &= found >= 0
        return np.maximum(found, 0.0)

    def _rows(self, costs: LayerCosts) -> Floats:
        macs, elements, weights = self._totals
        layers = costs.macs.shape[-1]
        called = np.count_nonzero(costs.output_elements, axis=-1) / layers
        rows = np.ones((*costs.macs.shape[:-1], 2 * layers + 3))
        rows[..., :layers] = costs.macs / macs
        rows[..., layers : 2 * layers] = _elements(costs) / elements
        rows[..., -3] = costs.weights.sum(axis=-1) / weights
        rows[..., -2] = called
        return rows


def _prior_covariance(layers: int) -> Floats:
    blocks = []
    for share, error in zip(_SHARES[:2], _SHARES_ERROR[:2], strict=True):
        own = (_LAYER_ERROR * share) ** 2 * np.eye(layers)
        blocks.append(error**2 * np.ones((layers, layers)) + own)
    covariance = np.diag(np.repeat(_SHARES_ERROR**2, [layers, layers, 1, 1, 1]))
    covariance[:layers, :layers] = blocks[0]
    covariance[layers : 2 * layers, layers : 2 * layers] = blocks[1]
    return covariance


def _elements(costs: LayerCosts) -> Floats:
    return costs.input_elements + costs.output_elements

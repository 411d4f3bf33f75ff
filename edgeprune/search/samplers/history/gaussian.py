"""A small Gaussian process: a squared-exponential kernel with settings chosen from a grid."""

from dataclasses import dataclass
from itertools import product
from typing import Self

import numpy as np
from scipy.linalg import cho_factor, cho_solve
from scipy.spatial.distance import cdist

from edgeprune.search.sources import Floats

#: Length scales looked at, for the root-mean-square distance of points with independent ratios.
_LENGTHS = (0.1, 0.2, 0.4, 0.8, 1.6)
#: Standard deviations of the noise, as shares of the values'.
_NOISES = (0.1, 0.3, 0.6, 1.0)


def kernel(a: Floats, b: Floats, length: float) -> Floats:
    """Squared-exponential covariance of points, 1 at no distance.

    Args:
        a: (n, d).
        b: (m, d).
        length: of the root-mean-square difference of two points' coordinates.

    Returns:
        float64 (n, m).
    """
    squared = cdist(a, b, "sqeuclidean") / a.shape[1]
    return np.asarray(np.exp(-0.5 * squared / length**2))


@dataclass(frozen=True)
class GaussianProcess:
    """A posterior over functions of keep ratios, fitted to standardised values.

    Attributes:
        points: (n, d).
        mean: of the values.
        deviation: of the values.
        length: chosen length scale.
        solved: inverse covariance times the standardised values.
        left_out: (n,) leave-one-out predictions of the standardised values.
    """

    points: Floats
    mean: float
    deviation: float
    length: float
    solved: Floats
    left_out: Floats

    @classmethod
    def fit(cls, points: Floats, values: Floats) -> Self:
        """Choose the likeliest settings of the grid and condition on the values."""
        mean, deviation = float(values.mean()), float(values.std()) or 1.0
        z = (values - mean) / deviation
        tried = []
        for length, noise in product(_LENGTHS, _NOISES):
            covariance = kernel(points, points, length) + noise**2 * np.eye(len(z))
            tried.append((log_likelihood(covariance, z), length, covariance))
        _, length, covariance = max(tried, key=lambda one: one[0])
        inverse = np.linalg.inv(covariance)
        solved = inverse @ z
        # Rasmussen and Williams, Gaussian Processes for Machine Learning, equation 5.12.
        left_out = z - solved / np.diag(inverse)
        return cls(points, mean, deviation, length, solved, left_out)

    def predict(self, points: Floats) -> Floats:
        """Standardised means at points (m, d): 0 is the mean of what was seen, 1 a deviation."""
        return np.asarray(kernel(points, self.points, self.length) @ self.solved)


def log_likelihood(covariance: Floats, values: Floats) -> float:
    """Of values under a normal distribution of mean 0."""
    factor = cho_factor(covariance, lower=True)
    half = float(values @ cho_solve(factor, values)) / 2
    return (
        -half - float(np.log(np.diag(factor[0])).sum()) - len(values) / 2 * float(np.log(2 * np.pi))
    )

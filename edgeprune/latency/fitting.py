"""Least squares with non-negative weights, relative errors, outliers damped."""

import numpy as np
from scipy.optimize import nnls

from edgeprune.latency.costs import Floats

#: Errors beyond so many standard deviations count as if they were there (Huber).
_HUBER = 1.5
#: A fit is never believed to be better than this share.
_SMALLEST_SCATTER = 0.01


def fit(
    columns: Floats,
    times: Floats,
    prior: Floats | None = None,
    strength: float = 1e-6,
    rounds: int = 3,
) -> Floats:
    """Weights, none negative, whose relative errors are smallest.

    Args:
        columns: (samples, columns), none negative.
        times: (samples,), positive.
        prior: weights to stay near where the samples do not tell; zeros if not given.
        strength: how much the prior counts beside one sample.
        rounds: of damping outliers.

    Returns:
        Weights (columns,).
    """
    relative = columns / times[:, None]
    scale = np.sqrt((relative**2).mean(axis=0)) + 1e-30
    relative = relative / scale
    count = len(scale)
    centre = np.zeros(count) if prior is None else prior * scale
    pull = np.sqrt(strength)
    damped = np.ones(len(times))
    found = centre
    for _ in range(rounds):
        rows = np.vstack([relative * damped[:, None], pull * np.eye(count)])
        found = nnls(rows, np.concatenate([damped, pull * centre]))[0]
        errors = np.abs(relative @ found - 1)
        scatter = max(1.4826 * float(np.median(errors)), _SMALLEST_SCATTER)
        damped = np.minimum(1.0, _HUBER * scatter / np.maximum(errors, 1e-12))
    return np.asarray(found / scale)

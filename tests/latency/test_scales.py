"""What whole nets take beside what their kernels say."""

import numpy as np
import pytest

from edgeprune.latency.scales import KernelScales


def _nets(count: int) -> np.ndarray:
    """Layers' shares of the base's time, a third of them removed, and what is beside them."""
    generator = np.random.default_rng(0)
    shares = generator.uniform(0.2, 1.0, (count, 20)) / 20
    shares *= generator.random((count, 20)) > 1 / 3
    beside = generator.uniform(0, 1, (count, 1))
    return np.hstack([shares, 0.05 * beside, beside])


#: Of twenty layers and what is beside them.
_BASE = np.array([*[1 / 20] * 20, 0.05, 1])


def test_a_profile_that_makes_every_call_longer_is_seen_through() -> None:
    def ratio(row: np.ndarray) -> float:
        return float((row[:-2] - 0.01 * (row[:-2] > 0)).sum() + row[-2]) / 0.85

    scales = KernelScales(_BASE)
    learned, unseen = np.split(_nets(60), [30])
    for row in learned:
        scales.learn(row, ratio(row), error=0.002)
    errors = [scales.predict(row) / ratio(row) - 1 for row in unseen]
    assert np.abs(errors).max() < 0.03
    assert scales.predict(_BASE) == pytest.approx(1, abs=0.01)


def test_a_kernel_that_takes_longer_never_lowers_the_estimate() -> None:
    scales = KernelScales(_BASE)
    for row in _nets(15):  # the first layer's time says the opposite of what is measured
        scales.learn(row, float(row[1:-1].sum()) + 0.3 - 3 * float(row[0]))
    for row in _nets(3):
        longer = row.copy()
        longer[0] += 0.05
        assert scales.predict(longer) >= scales.predict(row) or row[0] == 0


def test_a_model_that_misses_every_measurement_is_not_the_most_likely_one() -> None:
    """On a small net the profile is off by more than scales may be, each net by another share."""
    scales, generator = KernelScales(_BASE), np.random.default_rng(1)
    nets = _nets(22)
    ratios = (nets[:, :-1].sum(1) - 0.13) / 0.87 * generator.normal(1, 0.08, len(nets))
    for row, ratio in zip(nets, ratios, strict=True):
        scales.learn(row, float(ratio), error=0.005)
    left = [ratio / scales.predict(row) - 1 for row, ratio in zip(nets, ratios, strict=True)]
    assert scales.noise >= 0.5 * float(np.std(left))

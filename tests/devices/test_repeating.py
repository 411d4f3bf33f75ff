from collections.abc import Sequence
from typing import cast

import numpy as np
import pytest

from edgeprune.devices import Comparison, Device, Measurement, compare_well
from edgeprune.devices.repeating import MOST, PRECISE


class _Device:
    """Takes 0.3 of the baseline's time; in a disturbed comparison 0.4. One in 200 runs is late."""

    def __init__(self, disturbed: Sequence[bool], noise: float = 0.01) -> None:
        self.asked = 0
        self._disturbed, self._noise = disturbed, noise
        self._generator = np.random.default_rng(0)

    def compare(self, candidate: bytes, baseline: bytes) -> Comparison:
        ratio = 0.4 if self._disturbed[self.asked] else 0.3
        self.asked += 1
        factor = np.exp(self._noise * self._generator.standard_normal((2, 60)))
        first, second = factor * np.array([[ratio], [1.0]])
        return Comparison(
            Measurement(tuple(map(float, first)), 1.0, {"part": self.asked}),
            Measurement(tuple(map(float, second)), 1.0, {"part": self.asked}),
        )


def _compared(device: _Device, fewest: int = 2) -> Comparison:
    return compare_well(cast("Device", device), b"candidate", b"baseline", fewest=fewest)


def test_a_quiet_device_is_asked_as_seldom_as_allowed() -> None:
    for fewest in (1, 2, 4):
        device = _Device([False] * MOST)
        found = _compared(device, fewest)
        assert device.asked == fewest and len(found.candidate.samples_ms) == 60 * fewest
        assert found.candidate.conditions == {"part": 1}


@pytest.mark.parametrize("disturbed", [[True, False], [False, True]])
def test_a_comparison_that_was_disturbed_does_not_count(disturbed: list[bool]) -> None:
    assert _compared(_Device(disturbed + [False] * MOST)).ratio == pytest.approx(0.3, rel=0.02)


def test_it_ends_when_the_interval_stays_wide() -> None:
    device = _Device([False, True] * MOST, noise=0.5)
    low, high = _compared(device).ratio_interval
    assert device.asked == MOST and high > low * (1 + PRECISE)

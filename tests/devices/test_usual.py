"""A comparison in a moment in which even the baseline takes long."""

from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from edgeprune.devices import Comparison, Measurement, open_device, protocol
from edgeprune.devices.usual import Usual
from edgeprune.testing.devices import small_net
from tests.devices.targets import local


def _compared(candidate_ms: float, baseline_ms: float) -> Comparison:
    def measured(level_ms: float) -> Measurement:
        return Measurement(tuple(level_ms * (1 + 1e-4 * one) for one in range(20)), 0.0, {})

    return Comparison(measured(candidate_ms), measured(baseline_ms))


def _ratios(
    monkeypatch: pytest.MonkeyPatch, moments: Sequence[tuple[float, float]], count: int
) -> tuple[list[float], list[bool]]:
    """Ratios that a device tells, and whether its worker loaded both networks anew."""
    left: Iterator[tuple[float, float]] = iter(moments)
    anew: list[bool] = []

    def compare(*_: Any, again: bool) -> Comparison:
        anew.append(again)
        return _compared(*next(left))

    with open_device(local()) as device:
        monkeypatch.setattr(protocol, "compare", compare)
        nets = [small_net(8, note=str(number)) for number in range(count)]
        ratios = [round(device.compare(net, small_net(64)).ratio, 3) for net in nets]
    assert next(left, None) is None
    return ratios, anew


def test_what_was_measured_in_a_bad_moment_is_measured_anew(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    quiet = [(0.3, 1.0), (0.35, 1.01), (0.32, 0.99)]
    bad = (0.4 + 0.2, 1.0 + 0.2)  # whatever is measured takes 0.2 ms longer
    ratios, anew = _ratios(monkeypatch, [*quiet, bad, (0.4, 1.0), (0.5, 1.02)], 5)
    assert ratios[3:] == [0.4, 0.49]
    assert anew == [False, False, False, False, True, False]


def test_the_least_bad_moment_counts_where_all_are_bad(monkeypatch: pytest.MonkeyPatch) -> None:
    quiet = [(0.3, 1.0)] * 3
    bad = [(0.8, 1.4), (0.5, 1.1), (0.6, 1.2)]
    ratios, _ = _ratios(monkeypatch, [*quiet, *bad], 4)
    assert ratios[3] == round(0.5 / 1.1, 3)


def test_a_quicker_moment_and_a_candidate_that_takes_long_are_believed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ratios, _ = _ratios(
        monkeypatch, [(0.3, 1.0), (0.3, 1.0), (0.3, 1.0), (0.9, 1.0), (0.3, 0.8)], 5
    )
    assert ratios[3:] == [0.9, 0.375]


def test_a_device_that_stays_slower_is_slow_for_a_few_measurements_only() -> None:
    usual = Usual()
    for _ in range(9):
        usual.add(1.0)
    taken = 0
    while usual.exceeded(1.3):
        usual.add(1.3)
        taken += 1
    assert taken == 5


def test_nothing_is_unusual_before_a_few_are_known() -> None:
    usual = Usual()
    for level in (1.0, 5.0):
        assert not usual.exceeded(9.0)
        usual.add(level)

import math
from collections.abc import Callable
from dataclasses import replace

import pytest

from edgeprune.devices import Comparison, Measurement
from edgeprune.errors import MeasurementError
from edgeprune.pipeline.settling import Settler
from edgeprune.search import Widths, fit_to_budget
from edgeprune.testing.samplers import SmallNet

NET = SmallNet(curves=True)
PROBLEM = NET.problem()
LIMIT = 0.5


def _stairs(widths: Widths) -> float:
    """As on a device whose kernels compute multiples of 8 channels."""
    return NET.latency_ratio({group: math.ceil(width / 8) * 8 for group, width in widths.items()})


def _settler(device: Callable[[Widths], float], log: list[str]) -> Settler:
    def compare(widths: Widths) -> Comparison:
        samples = tuple(1.0 + 1e-4 * index for index in range(40))
        slow = tuple(device(widths) * one for one in samples)
        return Comparison(Measurement(slow, 0.0, {}), Measurement(samples, 0.0, {}))

    problem = replace(PROBLEM, cost=_stairs)
    return Settler(problem, compare, lambda widths, ratio: None, LIMIT, log.append)


def _uniform(target: float) -> Widths:
    return fit_to_budget(
        replace(PROBLEM, cost=_stairs, target=target), dict.fromkeys(PROBLEM.groups, 1.0)
    )


@pytest.mark.parametrize("off", [0.9, 1.0, 1.1])
@pytest.mark.parametrize("begin", [0.35, 0.5, 0.7])
def test_a_plan_is_brought_to_the_limit_of_a_device_that_differs_from_the_estimate(
    off: float, begin: float
) -> None:
    settled = _settler(lambda widths: off * _stairs(widths), []).settle(_uniform(begin))
    assert settled.met and settled.comparison.ratio_interval[1] <= LIMIT
    # Nothing that would still fit is left.
    for group, width in settled.widths.items():
        wider = min(width + 8, PROBLEM.full[group])
        cost = off * _stairs({**settled.widths, group: wider})
        assert wider == width or cost > 0.97 * LIMIT


def test_narrowing_stays_on_the_steps_of_the_kernels() -> None:
    settled = _settler(lambda widths: 1.1 * _stairs(widths), []).settle(_uniform(0.5))
    assert all(width % 8 == 0 for width in settled.widths.values())


def test_what_is_at_the_limit_stays() -> None:
    plan, log = _uniform(0.5), list[str]()
    settled = _settler(lambda widths: 0.497, log).settle(plan)
    assert settled.widths == plan and len(log) == 1


def test_a_known_measurement_is_not_made_again() -> None:
    log: list[str] = []
    settler = _settler(_stairs, log)
    plan = _uniform(0.5)
    settled = settler.settle(plan, settler.compare(plan))
    assert settled.met and settled.comparison.ratio > 0.45


def test_the_smallest_comes_last() -> None:
    settled = _settler(lambda widths: 0.9, []).settle(_uniform(0.5))
    assert settled.widths == PROBLEM.smallest and not settled.met


@pytest.mark.parametrize("misses", [3, 5, 6])
def test_what_is_measured_over_the_limit_by_chance_does_not_end_at_the_smallest(
    misses: int,
) -> None:
    log: list[str] = []

    def device(widths: Widths) -> float:
        return 0.51 if len(log) < misses else _stairs(widths)

    settled = _settler(device, log).settle(_uniform(0.5))
    assert settled.met and len(log) <= 12
    assert all(width >= 8 for width in settled.widths.values())


def test_a_failed_measurement_ends_with_the_best_that_was_measured() -> None:
    log, asked = list[str](), list[Widths]()

    def device(widths: Widths) -> float:
        if widths not in asked:
            asked.append(widths)
        if len(asked) == 2:
            msg = "the device was lost"
            raise MeasurementError(msg)
        return 0.8 * _stairs(widths)

    settled = _settler(device, log).settle(_uniform(0.5))
    assert settled.met and settled.widths == asked[0] != asked[1]
    assert "the device was lost" in log[-1]
    with pytest.raises(MeasurementError):
        asked[:] = [PROBLEM.full]
        _settler(device, log).settle(_uniform(0.5))

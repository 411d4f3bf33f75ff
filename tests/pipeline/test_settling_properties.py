"""Whatever the device is like, what settling calls met was measured within the limit."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from edgeprune.devices import Comparison, Measurement
from edgeprune.pipeline.settling import MAX_MEASURED, MAX_NARROWED, Settler
from edgeprune.search import SearchProblem, Widths, fit_to_budget
from edgeprune.testing.samplers import SmallNet
from tests.search.drawn_problems import keep_ratios_of, problems, widths_of

#: Ratios go through a logarithm and back.
ROUNDED = 1 + 1e-9

LIMITS = st.floats(0.2, 1.2)
FACTORS = st.floats(0.5, 2.0)


@dataclass
class Device:
    """A device without noise; remembers what it measured."""

    latency: Callable[[Widths], float]
    measured: list[Widths] = field(default_factory=list)
    observed: list[tuple[Widths, float]] = field(default_factory=list)

    def compare(self, widths: Widths) -> Comparison:
        self.measured.append(dict(widths))
        baseline = tuple(1.0 + 1e-4 * index for index in range(20))
        candidate = tuple(self.latency(widths) * one for one in baseline)
        return Comparison(Measurement(candidate, 0.0, {}), Measurement(baseline, 0.0, {}))

    def ratio(self, widths: Widths) -> float:
        return Device(self.latency).compare(widths).ratio

    def settler(self, problem: SearchProblem, limit: float) -> Settler:
        def observe(widths: Widths, ratio: float) -> None:
            self.observed.append((dict(widths), ratio))

        return Settler(problem, self.compare, observe, limit, lambda text: None)


@st.composite
def devices(draw: st.DrawFn, problem: SearchProblem) -> Device:
    """One that differs from the estimate by a factor, and by another for each group."""
    factor = draw(FACTORS)
    own = {group: draw(FACTORS) for group in problem.groups}
    full = problem.cost(problem.full)

    def latency(widths: Widths) -> float:
        share = sum(own[group] * widths[group] / problem.full[group] for group in widths)
        return factor * (problem.cost(widths) / full + 0.3 * share / len(widths))

    return Device(latency)


@given(st.data(), problems(), st.sampled_from((0.5, 0.7, 0.9, 0.97, 0.985, 1.0, 1.05, 1.5)))
def test_what_is_met_holds_the_limit_and_few_plans_are_measured(
    data: st.DataObject, problem: SearchProblem, share: float
) -> None:
    device = data.draw(devices(problem))
    begin = data.draw(widths_of(problem))
    # Often what is measured first is only just over it.
    limit = share * device.ratio(begin)
    settled = device.settler(problem, limit).settle(begin)

    assert problem.check(settled.widths) == settled.widths
    assert settled.comparison.ratio == device.ratio(settled.widths)
    within = [one for one in device.measured if device.ratio(one) * ROUNDED <= limit]
    if settled.met:
        assert settled.comparison.ratio <= limit * ROUNDED
        assert all(device.ratio(one) <= settled.comparison.ratio * ROUNDED for one in within)
    else:
        assert settled.widths == problem.smallest and not within

    *plans, last = device.measured
    fell_back = last == problem.smallest == settled.widths
    most = MAX_MEASURED if within else MAX_NARROWED
    assert len(device.measured) <= most + fell_back
    # Only the smallest may be measured once more, as what comes last.
    others = plans if fell_back else device.measured
    assert len({problem.key(one) for one in others}) == len(others)
    assert begin == device.measured[0]


@settings(max_examples=20)
@given(st.integers(0, 2**32 - 1), st.floats(0.3, 0.7))
def test_a_device_that_follows_no_estimate_is_measured_a_few_times_and_no_more(
    seed: int, limit: float
) -> None:
    def latency(widths: Widths) -> float:
        return float(np.random.default_rng([seed, *widths.values()]).uniform(0.7, 1.3)) * limit

    device, problem = Device(latency), SmallNet((16, 32, 32), (1.0, 0.2, 0.5)).problem()
    settled = device.settler(problem, limit).settle(
        {group: width // 2 for group, width in problem.full.items()}
    )
    assert (MAX_MEASURED, MAX_NARROWED) == (5, 12)
    over = next((i for i, one in enumerate(device.measured) if latency(one) <= limit), 12)
    most = max(5, over + 1) if over < 12 else 12
    assert len(device.measured) <= most or device.measured[most:] == [problem.smallest]
    assert settled.met == (settled.comparison.ratio <= limit * ROUNDED)
    if any(latency(widths) <= limit for widths in device.measured):
        assert settled.met


@given(st.data(), problems(), LIMITS, FACTORS)
def test_a_device_that_is_off_by_a_factor_is_met_wherever_it_can_be(
    data: st.DataObject, problem: SearchProblem, limit: float, factor: float
) -> None:
    full = problem.cost(problem.full)
    device = Device(lambda widths: factor * problem.cost(widths) / full)
    settled = device.settler(problem, limit).settle(data.draw(widths_of(problem)))
    assert settled.met == (device.ratio(problem.smallest) <= limit)


@settings(max_examples=20)
@given(st.data(), problems(), LIMITS)
def test_all_that_is_measured_is_told_to_the_estimate(
    data: st.DataObject, problem: SearchProblem, limit: float
) -> None:
    device = data.draw(devices(problem))
    begin = data.draw(widths_of(problem))
    device.settler(problem, limit).settle(begin)
    for widths, ratio in device.observed:
        assert widths in device.measured and ratio == device.ratio(widths)


@settings(max_examples=20)
@given(st.data(), problems(), LIMITS)
def test_a_known_measurement_counts_and_is_not_made_again(
    data: st.DataObject, problem: SearchProblem, limit: float
) -> None:
    device = data.draw(devices(problem))
    begin = data.draw(widths_of(problem))
    alone = device.settler(problem, limit).settle(begin)
    count = len(device.measured)
    known = Device(device.latency).compare(begin)
    assert device.settler(problem, limit).settle(begin, known) == alone
    assert len(device.measured) == 2 * count - 1


@settings(max_examples=20)
@given(st.data(), problems(), FACTORS)
def test_the_narrower_plan_is_cheaper_where_there_is_one(
    data: st.DataObject, problem: SearchProblem, over: float
) -> None:
    begin = fit_to_budget(problem, data.draw(keep_ratios_of(problem, zeros=False)))
    device = Device(lambda widths: problem.cost(widths))
    limit = device.ratio(begin) / (1 + over)
    plan = device.settler(problem, limit).narrower(begin, device.compare(begin))
    assert problem.check(plan) == plan
    if begin == problem.smallest:
        assert plan == begin
    elif problem.cost(problem.smallest) <= limit:
        assert plan != begin and problem.cost(plan) <= limit * ROUNDED

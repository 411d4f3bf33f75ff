"""Plans that are asked for at once: the same numbers to the bit, and the same allocations."""

from dataclasses import replace

import numpy as np
import pytest

from edgeprune.latency import LatencyEstimator
from edgeprune.pipeline.problems import channel_problem
from edgeprune.pruning import ChannelSpace
from edgeprune.search import Allocator, SearchProblem, Widths, fit_to_budget
from edgeprune.search.allocation_costs import Costs
from edgeprune.search.several import OfSeveral
from tests.latency.space import space_of


def _drawn(space: ChannelSpace, count: int) -> list[Widths]:
    """Plans of which some lack branches."""
    draw = np.random.default_rng(0)
    found = []
    for number in range(count):
        widths = {name: int(draw.choice(choices)) for name, choices in space.choices.items()}
        for branch in space.branches:
            gone = number % 3 == 0 and draw.random() < 0.3
            for name in branch.groups:
                widths[name] = 0 if gone else widths[name] or space.choices[name][1]
        found.append(widths)
    return found


@pytest.fixture(scope="module")
def estimator() -> LatencyEstimator:
    space = space_of("resnet20")
    found, draw = LatencyEstimator(space.layer_costs_of, space.full), np.random.default_rng(1)
    for widths in _drawn(space, 40):
        found.observe(widths, space.macs(widths) / space.macs(space.full) + draw.uniform(0.1, 0.12))
    return found


def _problem(estimator: LatencyEstimator, *, at_once: bool) -> SearchProblem:
    space = space_of("resnet20")
    problem = channel_problem(space, OfSeveral(estimator.bounds), 0.5)
    curves = {
        name: [0.1 * (1 - width / choices[-1]) ** 2 for width in choices]
        for name, choices in space.choices.items()
    }
    for branch in space.branches:
        for name in branch.groups[1:]:
            curves[name][0] = 0.0
    problem = replace(problem, curves=curves)
    return problem if at_once else replace(problem, cost=estimator.bound, macs=space.macs)


@pytest.mark.parametrize("name", ["resnet20", "mobilenet_v2"])
def test_costs_of_several_plans_are_those_of_each(name: str) -> None:
    space = space_of(name)
    plans = _drawn(space, 9)
    together = space.layer_costs_of(plans)
    for place, widths in enumerate(plans):
        alone = space.layer_costs(widths)
        for kind in ("macs", "input_elements", "output_elements", "weights"):
            assert np.array_equal(getattr(together, kind)[place], getattr(alone, kind))
    assert space.macs_of(plans) == [space.macs(widths) for widths in plans]


def test_bounds_of_several_plans_are_those_of_each(estimator: LatencyEstimator) -> None:
    plans = _drawn(space_of("resnet20"), 33)
    assert estimator.bounds(plans) == [estimator.bound(widths) for widths in plans]


@pytest.mark.parametrize("capacity", [0.0, 1.3])
def test_an_allocation_is_the_same_asked_at_once(
    estimator: LatencyEstimator, capacity: float
) -> None:
    found = [
        Allocator(_problem(estimator, at_once=at_once)).widths(capacity=capacity)
        for at_once in (True, False)
    ]
    assert found[0] == found[1]


def test_a_filled_plan_is_the_same_asked_at_once(estimator: LatencyEstimator) -> None:
    ratios = dict(zip(space_of("resnet20").choices, np.linspace(0.3, 1, 19), strict=False))
    plain = {name: ratios.get(name, 0.5) for name in space_of("resnet20").choices}
    found = [
        fit_to_budget(_problem(estimator, at_once=at_once), plain) for at_once in (True, False)
    ]
    assert found[0] == found[1]


def test_allocations_of_one_proposal_share_what_is_known(estimator: LatencyEstimator) -> None:
    problem = _problem(estimator, at_once=False)
    asked: list[Widths] = []

    def cost(widths: Widths) -> float:
        asked.append(widths)
        return problem.cost(widths)

    counted = replace(problem, cost=cost)
    allocator, costs = Allocator(counted), Costs(counted)
    asked.clear()
    first = allocator.widths(costs=costs)
    needed = len(asked)
    assert allocator.widths(costs=costs) == first and len(asked) == needed
    assert costs.asked == needed

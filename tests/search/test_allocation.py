from dataclasses import replace
from itertools import product

import numpy as np
import pytest

from edgeprune.search import SearchProblem, Widths
from edgeprune.search.allocation import Allocator
from edgeprune.search.allocation_losses import REMOVAL_FACTOR, base_losses
from edgeprune.search.filling import Filling
from edgeprune.search.multiple_choice import Knob, Part, solve
from edgeprune.testing.samplers import SmallNet


def _net(layers: int, seed: int, multiple: int, target: float) -> SearchProblem:
    """A random chain with branches of one and two layers."""
    draw = np.random.default_rng(seed)
    net = SmallNet(
        channels=tuple(int(one) for one in draw.choice([16, 32, 64], layers)),
        sensitivity=tuple(draw.lognormal(-1, 1, layers)),
        multiple=multiple,
        target=target,
        blocks=(*((first, first + 1) for first in range(1, layers - 2, 4)), (layers - 1,)),
        curves=True,
    )
    return net.problem()


def _best_of_all(problem: SearchProblem, allocator: Allocator) -> float:
    every = product(*(problem.choices[group] for group in problem.groups))
    plans = (dict(zip(problem.groups, widths, strict=True)) for widths in every)
    return min(
        allocator.loss(plan) for plan in plans if problem.tied(plan) == plan and problem.fits(plan)
    )


@pytest.mark.parametrize("target", [0.35, 0.5, 0.8])
def test_tiny_problems_are_solved_to_the_best_there_is(target: float) -> None:
    for seed in range(8):
        problem = _net(5, seed, 8, target)
        allocator = Allocator(problem)
        if not problem.fits(problem.smallest):
            continue
        widths = allocator.widths()
        assert problem.check(widths) == widths and problem.fits(widths)
        assert allocator.loss(widths) <= 1.02 * _best_of_all(problem, allocator) + 1e-9


def _options(problem: SearchProblem, widths: Widths, group: str) -> list[Widths]:
    found = [{**widths, group: width} for width in problem.open_choices(group, widths)]
    return [widths, *(problem.tied(one) for one in found)]


def _coordinate_descent(problem: SearchProblem, allocator: Allocator) -> float:
    """Loss plus a multiple of the cost, bisected; then what is left of the budget is spent."""
    best, low, high = np.inf, 1e-3, 1e3
    for _ in range(12):
        price = (low * high) ** 0.5
        widths = dict(problem.full)
        for group in [*problem.groups] * 3:
            widths = min(
                _options(problem, widths, group),
                key=lambda one: allocator.loss(one) + price * problem.cost(one),
            )
        if problem.fits(widths):
            high = price
            filling = Filling(problem, widths, problem.costs, problem.target)
            filling.widen_by_loss(allocator.loss)
            best = min(best, allocator.loss(filling.widths))
        else:
            low = price
    return float(best)


def test_larger_problems_are_solved_about_as_well_as_by_coordinate_descent() -> None:
    gains = []
    for seed, target in product(range(3), (0.4, 0.6)):
        problem = _net(16, seed, 8, target)
        allocator = Allocator(problem)
        other = _coordinate_descent(problem, allocator)
        gains.append(allocator.loss(allocator.widths()) / other)
    assert np.mean(gains) <= 1.0 and max(gains) <= 1.03


def test_the_cost_is_not_asked_for_too_often() -> None:
    problem = _net(32, 0, 8, 0.5)
    asked = []

    def cost(widths: Widths) -> float:
        asked.append(1)
        return problem.cost(widths)

    allocator = Allocator(replace(problem, cost=cost))
    asked.clear()
    first = allocator.widths()
    assert len(asked) < 2000
    assert allocator.widths() == first


def test_a_branch_that_hardly_matters_goes() -> None:
    net = SmallNet(sensitivity=(1, 0.01, 0.01, 1, 1, 1), blocks=((1, 2),), curves=True)
    widths = Allocator(net.problem()).widths()
    assert widths["layer1"] == widths["layer2"] == 0
    assert Allocator(net.problem()).widths({"layer1": 1000})["layer1"] > 0


def test_a_larger_coefficient_keeps_more_of_a_group() -> None:
    allocator = Allocator(SmallNet(curves=True).problem())
    kept = [allocator.widths({"layer4": factor})["layer4"] for factor in (0.1, 1.0, 10.0)]
    assert kept == sorted(kept) and kept[0] < kept[-1]


def test_one_allocator_serves_any_budget() -> None:
    problem = SmallNet(curves=True).problem()
    allocator = Allocator(problem)
    losses = []
    for target in (0.3, 0.5, 0.7):
        widths = allocator.widths(target=target)
        assert problem.cost(widths) <= target
        losses.append(allocator.loss(widths))
    assert losses == sorted(losses, reverse=True)
    assert allocator.widths(target=1.0) == problem.full
    assert allocator.widths(target=0.01) == problem.smallest


def test_without_curves_the_loss_is_quadratic_and_weighted_by_what_can_be_saved() -> None:
    problem = SmallNet(blocks=((1, 2),)).problem()
    losses = base_losses(problem)
    assert losses["layer0"][-1] == 0
    half = losses["layer0"][problem.choices["layer0"].index(8)]
    quarter = losses["layer0"][problem.choices["layer0"].index(4)]
    assert quarter / half == pytest.approx(0.75**2 / 0.5**2)
    assert losses["layer2"][0] == 0
    gone = sum(losses[g][1] / (1 - 1 / problem.full[g]) ** 2 for g in ("layer1", "layer2"))
    assert losses["layer1"][0] == pytest.approx(REMOVAL_FACTOR * gone)
    widths = Allocator(problem).widths()
    assert problem.fits(widths) and problem.cost(widths) > 0.97 * problem.target


def test_the_knapsack_is_exact_for_sums() -> None:
    draw = np.random.default_rng(0)
    for _ in range(10):
        costs, losses = draw.integers(-10, 20, (4, 3)), draw.uniform(size=(4, 3))
        knobs = [Knob(c.astype(float), x) for c, x in zip(costs, losses, strict=True)]
        gone = (-5.0, 0.6)
        kept = (3.0, 0.2)
        parts = [Part((knobs[0],)), Part((knobs[1], knobs[2]), kept, gone), Part((knobs[3],))]
        found = solve(parts, 20.0)
        best = np.inf
        for a, b, c, d in product(range(3), repeat=4):
            ends = costs[0, a] + costs[3, d], losses[0, a] + losses[3, d]
            stays = costs[1, b] + costs[2, c] + 3, losses[1, b] + losses[2, c] + 0.2
            for cost, loss in (stays, gone):
                if ends[0] + cost <= 20:
                    best = min(best, ends[1] + loss)
        total = losses[0, found[0][0]] + losses[3, found[2][0]]  # type: ignore[index]
        middle = found[1]
        total += gone[1] if middle is None else 0.2 + losses[1, middle[0]] + losses[2, middle[1]]
        assert total == pytest.approx(best)

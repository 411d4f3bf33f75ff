"""Problems with several budgets: all hold, whatever finds the widths."""

from itertools import product

import pytest

from edgeprune.search import SearchProblem, Widths, fill, fit_to_budget
from edgeprune.search.allocation import Allocator
from edgeprune.search.narrowing import narrow
from edgeprune.search.useful_widths import useful_widths
from edgeprune.testing.samplers import SmallNet

NET = SmallNet(curves=True, multiple=4)
PROBLEM = NET.problem()
#: Of the size that the full network has: binds first, binds with latency, does not bind.
_ALLOWED = (0.15, 0.3, 0.9)


def _size(widths: Widths) -> float:
    """Another cost than latency: the last groups take most of it."""
    return float(sum((place + 1) ** 3 * width for place, width in enumerate(widths.values())))


def _both(allowed: float, problem: SearchProblem = PROBLEM) -> SearchProblem:
    limit = allowed * _size(problem.full)
    return problem.holding(lambda widths: _size(widths) / limit)


def _holds(widths: Widths, allowed: float) -> bool:
    return PROBLEM.fits(widths) and _size(widths) <= allowed * _size(PROBLEM.full) + 1e-9


@pytest.mark.parametrize("allowed", _ALLOWED)
def test_every_way_to_widths_holds_both(allowed: float) -> None:
    problem = _both(allowed)
    uniform = fit_to_budget(problem, dict.fromkeys(problem.groups, 1.0))
    narrowed = narrow(problem, problem.full, useful_widths(problem))
    for widths in (uniform, narrowed, fill(problem, narrowed), Allocator(problem).widths()):
        assert _holds(widths, allowed)
        assert problem.fits(widths)


@pytest.mark.parametrize("allowed", _ALLOWED)
def test_the_allocation_is_about_the_best_there_is(allowed: float) -> None:
    net = SmallNet(channels=(16, 32, 32), sensitivity=(1.0, 0.4, 2.0), curves=True, multiple=4)
    problem = net.problem()
    limit = allowed * _size(problem.full)
    problem = problem.holding(lambda widths: _size(widths) / limit)
    allocator = Allocator(problem)
    every = product(*(problem.choices[group] for group in problem.groups))
    plans = (dict(zip(problem.groups, widths, strict=True)) for widths in every)
    best = min(allocator.loss(plan) for plan in plans if problem.fits(plan))
    assert allocator.loss(allocator.widths()) <= 1.02 * best + 1e-9


def test_a_budget_that_does_not_bind_changes_nothing() -> None:
    loose = PROBLEM.holding(lambda widths: 0.01)
    assert loose.cost(PROBLEM.full) == PROBLEM.cost(PROBLEM.full)
    ratios = dict.fromkeys(PROBLEM.groups, 1.0)
    assert fit_to_budget(loose, ratios) == fit_to_budget(PROBLEM, ratios)
    assert useful_widths(loose) == useful_widths(PROBLEM)


def test_another_target_leaves_the_other_budgets_where_they_are() -> None:
    problem = _both(0.3)
    for target in (0.5 * problem.target, 1.5 * problem.target):
        moved = problem.at(target)
        widths = fit_to_budget(moved, dict.fromkeys(problem.groups, 1.0))
        assert NET.latency_ratio(widths) <= target
        assert _size(widths) <= 0.3 * _size(PROBLEM.full)


def test_free_widths_are_free_by_every_budget() -> None:
    """Latency that does not rise is no reason to spend size."""
    flat = SmallNet(curves=True).problem()
    problem = _both(0.3, flat)
    start = flat.narrowest
    spent = problem.costs(fill(problem, start))
    assert len(spent) == 2 and max(spent) <= problem.target
    assert problem.costs(start)[1] < spent[1]

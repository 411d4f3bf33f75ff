from dataclasses import replace

import pytest

from edgeprune.search import SearchProblem, Widths, narrowing
from edgeprune.search.useful_widths import useful_widths
from edgeprune.testing.samplers import SmallNet

PROBLEM = SmallNet().problem()
RESIDUAL = SmallNet(blocks=((1, 2), (4, 5))).problem()


def narrow(problem: SearchProblem, widths: Widths) -> Widths:
    return narrowing.narrow(problem, widths, useful_widths(problem))


def _curves(dear: str) -> dict[str, tuple[float, ...]]:
    """Cutting one group hurts a lot, the others hardly."""
    curves = {}
    for group in PROBLEM.groups:
        choices = PROBLEM.choices[group]
        worst = 100.0 if group == dear else 0.1
        curves[group] = tuple(worst * (1 - width / choices[-1]) for width in choices)
    return curves


@pytest.mark.parametrize("over", [1.01, 1.3])
def test_a_plan_comes_inside_and_is_nowhere_wider(over: float) -> None:
    start = {group: width // 2 for group, width in PROBLEM.full.items()}
    problem = replace(PROBLEM, target=PROBLEM.cost(start) / over, curves=_curves("layer0"))
    found = narrow(problem, start)
    assert problem.fits(found) and not problem.fits(start)
    assert all(found[group] <= start[group] for group in problem.groups)


@pytest.mark.parametrize("dear", ["layer0", "layer3"])
def test_a_group_that_must_not_be_cut_is_left(dear: str) -> None:
    problem = replace(PROBLEM, target=0.8, curves=_curves(dear))
    found = narrow(problem, PROBLEM.full)
    assert found[dear] == PROBLEM.full[dear]
    assert any(found[group] < PROBLEM.full[group] for group in problem.groups)


def test_what_fits_stays_and_removed_branches_stay_removed() -> None:
    gone: Widths = {**RESIDUAL.full, **dict.fromkeys(RESIDUAL.branches[0], 0)}
    assert narrow(replace(RESIDUAL, target=1.0), gone) == gone
    found = narrow(replace(RESIDUAL, target=0.8 * RESIDUAL.cost(gone)), gone)
    assert all(found[group] == 0 for group in RESIDUAL.branches[0])
    assert all(found[group] > 0 for group in RESIDUAL.groups if gone[group])


def test_a_budget_below_the_narrowest_plan_takes_branches() -> None:
    tight = replace(RESIDUAL, target=(RESIDUAL.cost(RESIDUAL.smallest) + 1e-6))
    assert RESIDUAL.cost(RESIDUAL.narrowest) > tight.target
    assert tight.fits(narrow(tight, RESIDUAL.full))

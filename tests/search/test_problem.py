from dataclasses import replace

import numpy as np
import optuna
import pytest

from edgeprune.errors import SearchError
from edgeprune.search.distributions import distributions, to_widths
from edgeprune.search.fitting import fit_to_budget, keep_ratios
from edgeprune.search.neighbours import SpaceExhausted, unseen
from edgeprune.search.problem import SearchProblem
from edgeprune.search.samplers import make_sampler
from edgeprune.search.wall import largest_width
from edgeprune.testing.samplers import SmallNet

NET = SmallNet()
PROBLEM = NET.problem()


def test_wall_leaves_exactly_room_for_the_smallest_rest() -> None:
    # The first five at full width leave less than that for the last one.
    widths = {**PROBLEM.full, "layer4": 10, "layer5": 1}
    width = largest_width(PROBLEM, widths, "layer4")
    assert PROBLEM.fits({**widths, "layer4": width}) or width == 1
    middle = {**PROBLEM.smallest, "layer0": 16, "layer1": 16}
    width = largest_width(PROBLEM, middle, "layer2")
    assert PROBLEM.fits({**middle, "layer2": width})
    assert width == 32 or not PROBLEM.fits({**middle, "layer2": width + 1})


def test_a_policy_that_wants_everything_ends_inside_the_budget() -> None:
    widths = dict(PROBLEM.smallest)
    for group in PROBLEM.groups:
        widths[group] = largest_width(PROBLEM, widths, group)
    assert 0.98 * PROBLEM.target < PROBLEM.cost(widths) <= PROBLEM.target


def test_wall_gives_the_smallest_width_where_nothing_fits() -> None:
    problem = replace(PROBLEM, target=0.01)
    assert largest_width(problem, problem.smallest, "layer0") == 1


@pytest.mark.parametrize("seed", range(5))
def test_fitting_uses_the_budget_up(seed: int) -> None:
    ratios = np.random.default_rng(seed).uniform(0.1, 1, len(PROBLEM.groups))
    widths = fit_to_budget(PROBLEM, dict(zip(PROBLEM.groups, ratios, strict=True)))
    assert 0.97 * PROBLEM.target < PROBLEM.cost(widths) <= PROBLEM.target


def test_fitting_keeps_the_proportions() -> None:
    ratios = dict.fromkeys(PROBLEM.groups, 0.4) | {"layer5": 0.1}
    kept = keep_ratios(PROBLEM, fit_to_budget(PROBLEM, ratios))
    assert kept["layer4"] / kept["layer5"] == pytest.approx(4, rel=0.1)


def test_fitting_to_a_loose_budget_keeps_everything() -> None:
    problem = replace(PROBLEM, target=1.0)
    assert fit_to_budget(problem, dict.fromkeys(PROBLEM.groups, 0.2)) == PROBLEM.full


def test_fitting_to_an_impossible_budget_gives_the_smallest() -> None:
    problem = replace(PROBLEM, target=0.01)
    assert fit_to_budget(problem, dict.fromkeys(PROBLEM.groups, 1.0)) == PROBLEM.smallest


def test_an_unseen_proposal_stays() -> None:
    assert unseen(PROBLEM, PROBLEM.smallest, set()) == PROBLEM.smallest


def test_a_seen_proposal_moves_one_step_inside_the_budget() -> None:
    widths = fit_to_budget(PROBLEM, dict.fromkeys(PROBLEM.groups, 1.0))
    moved = unseen(PROBLEM, widths, {PROBLEM.key(widths)})
    assert sum(abs(moved[group] - widths[group]) for group in PROBLEM.groups) == 1
    assert PROBLEM.fits(moved)
    assert moved == unseen(PROBLEM, widths, {PROBLEM.key(widths)})


def test_all_combinations_are_found_before_the_space_is_exhausted() -> None:
    problem = SmallNet(channels=(3, 4), sensitivity=(1, 1), target=0.8).problem()
    seen: set[tuple[int, ...]] = set()
    over = []
    for _ in range(12):
        widths = unseen(problem, problem.smallest, seen)
        over.append(not problem.fits(widths))
        seen.add(problem.key(widths))
    assert len(seen) == 12
    assert over == sorted(over)  # Those over the budget come last.
    with pytest.raises(SpaceExhausted):
        unseen(problem, problem.smallest, seen)


def test_distributions_hold_every_choice_and_the_full_width() -> None:
    problem = replace(PROBLEM, choices={**PROBLEM.choices, "layer5": (8, 16, 24, 27)})
    found = distributions(problem)["layer5"]
    assert all(found._contains(width) for width in (8, 16, 24, 27))
    params = {**PROBLEM.full, "layer5": 26}
    assert to_widths(problem, params)["layer5"] == 27


def test_distributions_step_by_the_channel_multiple() -> None:
    problem = SmallNet(multiple=8).problem()
    assert distributions(problem)["layer5"].to_internal_repr(64) == 64
    assert not distributions(problem)["layer5"]._contains(12)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"groups": ()}, "no channel group may be cut"),
        ({"target": 0.0}, "positive ratio"),
        ({"target": float("nan")}, "positive ratio"),
        ({"features": np.zeros((2, 2))}, r"shape \(2, 2\), expected \(6, 2\)"),
        ({"choices": {**PROBLEM.choices, "layer1": (4, 2)}}, "'layer1' must be positive"),
        ({"choices": {}}, "'layer0' must be positive"),
    ],
)
def test_problems_that_cannot_be_searched(change: dict[str, object], message: str) -> None:
    with pytest.raises(SearchError, match=message):
        replace(PROBLEM, **change)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("widths", "message"),
    [
        ({**PROBLEM.full, "layr0": 3}, "unknown channel group 'layr0'; did you mean 'layer0'"),
        ({"layer0": 3}, "lack channel group 'layer1'"),
        ({**PROBLEM.full, "layer0": 0}, "cannot have 0 channels; nearest is 1"),
    ],
)
def test_widths_that_are_not_allowed(widths: dict[str, int], message: str) -> None:
    with pytest.raises(SearchError, match=message):
        PROBLEM.check(widths)


def test_cost_is_asked_for_the_groups_alone() -> None:
    problem: SearchProblem = replace(PROBLEM, cost=lambda widths: float(len(widths) != 6))
    assert problem.fits(problem.full)


@pytest.mark.parametrize("name", ["amc", "random", "uniform", "optuna:TPESampler"])
def test_rounding_to_a_multiple_never_breaks_the_budget(name: str) -> None:
    problem = SmallNet(multiple=8, target=0.4).problem()
    study = optuna.create_study(sampler=make_sampler(name, problem, 0, 20, {}))
    for _ in range(3):
        widths = to_widths(problem, study.ask(distributions(problem)).params)
        assert problem.fits(widths)
        assert all(width % 8 == 0 for width in widths.values())

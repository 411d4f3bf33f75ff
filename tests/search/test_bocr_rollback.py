"""When the clusters are untied, and what bounds follow."""

import numpy as np
import pytest

from edgeprune.search.samplers.bocr.clusters import Clustering
from edgeprune.search.samplers.bocr.history import History
from edgeprune.search.samplers.bocr.options import BocrOptions
from edgeprune.search.samplers.bocr.rollback import (
    Rollback,
    Stage,
    elites,
    planned,
    rolled_back,
)
from edgeprune.testing.samplers import SmallNet

PROBLEM = SmallNet().problem()
GROUPS = len(PROBLEM.groups)
DRAW = np.random.default_rng(0)


def _history(evaluations: int, costs: np.ndarray | float = 0.5) -> History:
    ratios = DRAW.uniform(0.1, 1.0, (evaluations, GROUPS))
    rewards = DRAW.uniform(size=evaluations)
    return History(ratios, rewards, np.zeros(evaluations), np.broadcast_to(costs, evaluations))


def _first_stage() -> Stage:
    labels = Clustering(PROBLEM, None, BocrOptions()).labels(3)
    return Stage(labels, np.full(GROUPS, 0.1), np.ones(GROUPS))


def test_a_search_of_200_has_the_published_numbers() -> None:
    options = BocrOptions().resolved(200, scored=True)
    assert (options.clusters, options.bridge_clusters, options.similarity) == (3, 9, "EU")
    assert (options.initial, options.elites, options.elite_tolerance) == (10, 10, 0.01)
    assert (options.patience, options.armed, options.fires) == (20, 80, 100)
    assert (options.second_armed, options.second_fires) == (130, 150)
    assert (options.density_points, options.density_limit) == (1000, 15)
    assert (options.density_floor, options.jitter) == (9.88e-50, 0.01)
    assert (options.restarts, options.fit_iterations) == (5, 1000)
    assert options.resolved(400, scored=True) == options


def test_shorter_searches_roll_back_before_they_end() -> None:
    options = BocrOptions(patience=7).resolved(80, scored=False)
    assert (options.armed, options.fires, options.patience) == (32, 40, 7)
    assert (options.second_armed, options.second_fires) == (52, 60)
    assert options.similarity == "ST"


@pytest.mark.parametrize(
    ("evaluations", "best_at", "since", "due"),
    [
        (79, 10, 0, False),  # not armed, however stale
        (80, 59, 0, True),  # 20 evaluations after the 60th brought nothing
        (80, 60, 0, False),
        (99, 98, 0, False),
        (100, 99, 0, True),
        (85, 10, 70, False),  # patience starts anew with each stage
        (90, 10, 70, True),
    ],
)
def test_a_rollback_comes_with_lost_patience_or_at_last(
    evaluations: int, best_at: int, since: int, due: bool
) -> None:
    rewards = np.zeros(evaluations)
    rewards[best_at] = 1
    assert Rollback(27, armed=80, fires=100, patience=20).due(rewards, since) is due


def test_gradual_rollback_is_planned_in_two_steps() -> None:
    options = BocrOptions(rollback="gradual").resolved(200, scored=True)
    assert planned(options, 27) == [Rollback(9, 80, 100, 20), Rollback(27, 130, 150, 20)]
    assert planned(options.model_copy(update={"rollback": "direct"}), 27) == [
        Rollback(27, 80, 100, 20)
    ]
    assert planned(options.model_copy(update={"clusters": 27}), 27) == []


def test_a_rollback_keeps_as_many_inputs_as_outputs() -> None:
    history, stage = _history(40), _first_stage()
    after = rolled_back(
        Rollback(GROUPS, 1, 1, 1), stage, Clustering(PROBLEM, None, BocrOptions()),
        history, np.arange(10), 40, BocrOptions(),
    )  # fmt: skip
    assert stage.tie(history.ratios).shape == (40, 3)
    assert after.tie(history.ratios).shape == (40, GROUPS)
    # All evaluated points, as they were applied.
    assert np.array_equal(after.tie(history.ratios), history.ratios)
    assert after.since == 40


def test_bounds_come_from_policies_within_the_budget_only() -> None:
    costs = np.full(30, 0.5)
    costs[10:20], costs[20:] = 0.52, 0.4  # too slow, and far below: wider apart, better rewards
    history = _history(30, costs)
    history.ratios[:10] = DRAW.uniform(0.4, 0.6, (10, GROUPS))
    history.rewards[10:] += 5
    best = elites(history, 0.5, BocrOptions())
    assert sorted(best) == list(range(10))
    stage = rolled_back(
        Rollback(GROUPS, 1, 1, 1), _first_stage(), Clustering(PROBLEM, None, BocrOptions()),
        history, best, 30, BocrOptions(),
    )  # fmt: skip
    inside = history.ratios[:10]
    assert (stage.lower == inside.min()).all() and (stage.upper == inside.max()).all()


def test_bounds_of_each_group_are_an_option() -> None:
    history, options = _history(30), BocrOptions(bounds="elites_per_group")
    stage = rolled_back(
        Rollback(GROUPS, 1, 1, 1), _first_stage(), Clustering(PROBLEM, None, options),
        history, np.array([3, 5]), 30, options,
    )  # fmt: skip
    assert np.array_equal(stage.lower, history.ratios[[3, 5]].min(axis=0))
    assert np.array_equal(stage.upper, history.ratios[[3, 5]].max(axis=0))


def test_bounds_may_stay_what_the_problem_allows() -> None:
    history, first, options = _history(30), _first_stage(), BocrOptions(bounds="problem")
    stage = rolled_back(
        Rollback(GROUPS, 1, 1, 1), first, Clustering(PROBLEM, None, options),
        history, np.array([3, 5]), 30, options,
    )  # fmt: skip
    assert np.array_equal(stage.lower, first.lower) and np.array_equal(stage.upper, first.upper)


def test_the_best_few_are_kept_best_first() -> None:
    history = _history(30, 0.495)
    best = elites(history, 0.5, BocrOptions(elites=4))
    assert list(history.rewards[best]) == sorted(history.rewards, reverse=True)[:4]


def test_coarse_widths_take_what_is_below_the_budget() -> None:
    costs = np.where(np.arange(30) < 5, 0.46, 0.6)
    assert sorted(elites(_history(30, costs), 0.5, BocrOptions())) == list(range(5))


def test_bounds_stay_where_nothing_is_within_the_budget() -> None:
    history, first = _history(30, 1.0), _first_stage()
    best = elites(history, 0.5, BocrOptions())
    stage = rolled_back(
        Rollback(GROUPS, 1, 1, 1), first, Clustering(PROBLEM, None, BocrOptions()),
        history, best, 30, BocrOptions(),
    )  # fmt: skip
    assert np.array_equal(stage.lower, first.lower) and np.array_equal(stage.upper, first.upper)

"""What the sampler learns from: measured latency, and points of earlier searches."""

import numpy as np
import optuna
import pytest

from edgeprune.search.distributions import distributions
from edgeprune.search.fitting import fit_to_budget
from edgeprune.search.reward_noise import LATENCY_RATIO, REWARD_NOISE
from edgeprune.search.samplers.bocr.history import Point, evaluated, history_of
from edgeprune.search.samplers.bocr.options import BocrOptions
from edgeprune.search.samplers.bocr.rollback import elites
from edgeprune.search.samplers.bocr.sampler import BocrSampler
from edgeprune.testing.samplers import SmallNet

NET = SmallNet()
PROBLEM = NET.problem()
FAST = BocrOptions(anchor_samples=32, anchors=1, anchor_iterations=4, restarts=2, armed=8, fires=8)


def _earlier(count: int) -> list[Point]:
    draw = np.random.default_rng(5)
    found = []
    for _ in range(count):
        ratios = dict(zip(PROBLEM.groups, draw.uniform(0.1, 1, len(PROBLEM.groups)), strict=True))
        widths = fit_to_budget(PROBLEM, ratios)
        found.append(Point(widths, NET.accuracy(widths)))
    return found


def _study(points: list[Point], trials: int) -> optuna.Study:
    sampler = BocrSampler(PROBLEM, 0, 100, FAST, warm_start=points)
    study = optuna.create_study(direction="maximize", sampler=sampler)
    for _ in range(trials):
        trial = study.ask(distributions(PROBLEM))
        study.tell(trial, NET.accuracy(trial.params))
    return study


def test_the_best_earlier_point_is_measured_first() -> None:
    points = _earlier(12)
    best = max(points, key=lambda point: point.reward)
    study = _study(points, 3)
    assert study.trials[0].params == best.widths
    assert all(trial.params != best.widths for trial in study.trials[1:])


def test_an_earlier_point_over_the_budget_is_learnt_from_and_not_proposed() -> None:
    points = [*_earlier(12), Point(PROBLEM.full, 1.0)]
    study = _study(points, 3)
    assert all(PROBLEM.fits(trial.params) for trial in study.trials)


def test_earlier_points_replace_the_sobol_start_and_find_more() -> None:
    warm, cold = _study(_earlier(30), 6), _study([], 6)
    assert warm.best_value > cold.best_value + 0.02
    assert warm.best_value >= max(point.reward for point in _earlier(30))


def test_the_clocks_count_the_trials_of_this_search_alone() -> None:
    sampler = _study(_earlier(30), 8).sampler
    assert [stage.since for stage in sampler.stages] == [0]  # type: ignore[attr-defined]
    sampler = _study(_earlier(30), 9).sampler
    assert [stage.since for stage in sampler.stages] == [0, 8]  # type: ignore[attr-defined]


def test_one_earlier_point_and_one_of_another_rounding_are_no_trouble() -> None:
    assert len(_study(_earlier(1), 2).trials) == 2
    history = history_of(PROBLEM, [Point(dict.fromkeys(PROBLEM.groups, 1000), 0.5)])
    assert history.ratios.tolist() == [[1.0] * len(PROBLEM.groups)]


def _told(ratio: float | None, reward: float, widths: dict[str, int]) -> optuna.trial.FrozenTrial:
    attributes = {} if ratio is None else {LATENCY_RATIO: ratio, REWARD_NOISE: 0.25}
    return optuna.trial.create_trial(
        value=reward, params=widths, distributions=distributions(PROBLEM), user_attrs=attributes
    )


def test_measured_latency_says_which_policies_are_within_the_budget() -> None:
    widths = fit_to_budget(PROBLEM, dict.fromkeys(PROBLEM.groups, 1.0))
    study = optuna.create_study(direction="maximize")
    study.add_trials([_told(0.6, 0.9, widths), _told(0.5, 0.7, widths), _told(None, 0.5, widths)])
    history = evaluated(PROBLEM, study)
    assert history.costs[:2].tolist() == [0.6, 0.5]
    assert history.costs[2] == pytest.approx(PROBLEM.cost(widths))
    assert history.noise.tolist() == [0.25, 0.25, 0.0]
    # The best one was estimated to fit, and measured not to.
    assert elites(history, PROBLEM.target, FAST).tolist() == [1, 2]

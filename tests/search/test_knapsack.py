import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import pytest

from edgeprune.errors import SearchError
from edgeprune.search import Outcome, Widths, make_sampler, run_search
from edgeprune.search.allocation import Allocator
from edgeprune.search.distributions import distributions
from edgeprune.search.reward_noise import LATENCY_RATIO
from edgeprune.search.samplers import KnapsackSampler
from edgeprune.search.samplers.knapsack.options import KnapsackOptions
from edgeprune.testing.samplers import SmallNet, accuracy_reward

NET = SmallNet(blocks=((1, 2), (4, 5)), curves=True)
PROBLEM = NET.problem()


def _tell(study: optuna.Study, value: float, ratio: float) -> None:
    trial = study.ask(distributions(PROBLEM))
    trial.set_user_attr(LATENCY_RATIO, ratio)
    study.tell(trial, value)


def test_the_allocation_comes_first() -> None:
    study = optuna.create_study(sampler=KnapsackSampler(PROBLEM, 0, 10))
    assert study.ask(distributions(PROBLEM)).params == Allocator(PROBLEM).widths()


def test_it_is_solved_again_as_measurements_correct_the_cost(tmp_path: Path) -> None:
    factor = [1.0]

    def observe(widths: Widths, outcome: Outcome) -> None:
        factor[0] = 1.2

    problem = replace(PROBLEM, cost=lambda w: factor[0] * PROBLEM.cost(w), observe=observe)
    sampler = make_sampler("knapsack", problem, 0, 2, {"capacity": [0]})
    trials = run_search(
        problem, sampler, NET.evaluate, accuracy_reward, trials=2, directory=tmp_path
    ).trials
    assert PROBLEM.cost(trials[0].widths) > 0.97 * PROBLEM.target
    assert 0.95 * PROBLEM.target < 1.2 * PROBLEM.cost(trials[1].widths) <= PROBLEM.target


def test_better_coefficients_stay_unless_measured_over_the_budget() -> None:
    sampler = KnapsackSampler(PROBLEM, 0, 20, KnapsackOptions(corrections=1))
    study = optuna.create_study(direction="maximize", sampler=sampler)
    _tell(study, 0.5, 0.5)
    assert not sampler.coefficients.any()
    _tell(study, 0.9, 0.51)
    assert not sampler.coefficients.any()
    _tell(study, 0.9, 0.49)
    better = sampler.coefficients.copy()
    assert better[:, :-1].all()
    _tell(study, 0.1, 0.49)
    np.testing.assert_array_equal(sampler.coefficients, better)


def test_each_promise_keeps_its_own_best() -> None:
    sampler = KnapsackSampler(PROBLEM, 0, 20)
    study = optuna.create_study(direction="maximize", sampler=sampler)
    trials = [study.ask(distributions(PROBLEM)) for _ in range(2)]
    small, large = sorted(trials, key=lambda trial: PROBLEM.macs(trial.params))
    assert PROBLEM.macs(small.params) < PROBLEM.macs(large.params)
    gain = math.log(PROBLEM.macs(large.params) / PROBLEM.macs(small.params))
    for trial, value in ((large, 0.5), (small, 0.5 + 0.75 * gain)):
        trial.set_user_attr(LATENCY_RATIO, 0.4)
        study.tell(trial, value)
    of_each = sampler.coefficients[:, -1].tolist()
    assert len(set(of_each)) == 2 and of_each[0] == of_each[1] != of_each[2]


def test_local_steps_change_fewer_and_fewer_groups_and_at_least_one() -> None:
    sampler = KnapsackSampler(PROBLEM, 0, 40, KnapsackOptions(capacity=(1.3, 2.6)))
    changed = []
    for finished in (0, 20, 30, 39, 60):
        sampler._finished = finished
        changed.append(int((sampler._changed(np.zeros(7)) != 0).sum()))
    assert changed[0] == 7 and changed == sorted(changed, reverse=True) and changed[-1] == 1


def test_the_search_improves_on_misleading_curves(tmp_path: Path) -> None:
    wrong = SmallNet(
        blocks=NET.blocks, sensitivity=(0.2, 0.5, 0.1, 0.3, 0.1, 0.5), curves=True
    ).problem()
    sampler = make_sampler("knapsack", wrong, 0, 40, {})
    result = run_search(
        wrong, sampler, NET.evaluate, accuracy_reward, trials=40, directory=tmp_path
    )
    assert result.best.reward > result.trials[0].reward + 0.01


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"spred": 1}, "'spred' is unknown to sampler 'knapsack'.*did you mean 'spread'"),
        ({"resampled": 0}, "'resampled' of sampler 'knapsack' is 0"),
        ({"random": 1.5}, "'random' of sampler 'knapsack' is 1.5"),
    ],
)
def test_options_that_are_not_allowed(options: dict[str, Any], message: str) -> None:
    with pytest.raises(SearchError, match=message):
        make_sampler("knapsack", PROBLEM, 0, 10, options)


def test_few_useful_widths_still_give_plans_that_differ_in_more_than_a_channel(
    tmp_path: Path,
) -> None:
    """As of a depthwise network in blocks of 16 channels: one less tells nothing new."""
    net = SmallNet((64,) * 5, (1.0, 0.8, 0.5, 0.1, 0.05), curves=True, target=0.45)
    blocks = replace(
        net.problem(),
        cost=lambda widths: net.latency_ratio(
            {group: math.ceil(width / 16) * 16 for group, width in widths.items()}
        ),
    )
    plans = set()
    for seed in range(2):
        sampler = make_sampler("knapsack", blocks, seed, 10, {})
        trials = run_search(
            *(blocks, sampler, net.evaluate, accuracy_reward),
            trials=10,
            directory=tmp_path / str(seed),
        ).trials
        plans |= {
            (seed, *(math.ceil(width / 16) for width in one.widths.values())) for one in trials
        }
    assert len(plans) >= 16  # of 20

"""AMC's other critics: whole plans, and none."""

import statistics
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from edgeprune.errors import SearchError
from edgeprune.search import make_sampler, run_search
from edgeprune.search.allocation import Allocator
from edgeprune.search.samplers.amc.ensemble import Ensemble
from edgeprune.search.samplers.amc.plan import PlanSampler
from edgeprune.search.samplers.amc.policy import PolicySampler
from edgeprune.testing.samplers import SmallNet, accuracy_reward

NET = SmallNet(noise=0.01)
INFORMED = SmallNet(noise=0.01, blocks=((1, 2), (4, 5)), curves=True, target=0.45)
TRIALS = 40


def _best(net: SmallNet, folder: Path, sampler: str, seed: int, **options: str) -> float:
    """True accuracy of the best plan that a search finds."""
    problem = replace(net.problem(), worths=(0.0,))
    found = run_search(
        problem,
        make_sampler(sampler, problem, seed, TRIALS, options),
        net.evaluate,
        accuracy_reward,
        trials=TRIALS,
        directory=folder / f"{sampler}-{options.get('critic')}-{seed}",
    )
    return max(net.accuracy(one.widths) for one in found.trials)


@pytest.mark.parametrize("critic", ["plan", "none"])
def test_it_finds_better_plans_than_random_search(critic: str, tmp_path: Path) -> None:
    found, random = (
        statistics.median(_best(NET, tmp_path, name, seed, **options) for seed in range(3))
        for name, options in (("amc", {"critic": critic}), ("random", {}))
    )
    assert found > random + 0.005


def test_an_ensemble_ranks_plans_it_has_not_seen_and_knows_where_it_knows_little() -> None:
    rng = np.random.default_rng(0)
    plans = rng.uniform(0, 1, (60, 8))
    weights = np.linspace(-1, 1, 8)
    critics = Ensemble(plans, plans @ weights - (plans[:, 0] - 0.5) ** 2, seed=0)
    others = rng.uniform(0, 1, (200, 8))
    mean, deviation = critics.predict(others)
    assert np.corrcoef(mean, others @ weights - (others[:, 0] - 0.5) ** 2)[0, 1] > 0.95
    assert critics.predict(others + 3.0)[1].mean() > 3 * deviation.mean()


def test_rewards_that_are_all_alike_are_no_trouble() -> None:
    mean, deviation = Ensemble(np.ones((3, 4)), np.full(3, 0.5), seed=0).predict(np.ones((1, 4)))
    assert mean[0] == pytest.approx(0.5, abs=0.3) and np.isfinite(deviation).all()


def test_where_capacity_is_worth_something_larger_plans_are_proposed(tmp_path: Path) -> None:
    macs = {}
    for worths in ((0.0,), (1.0,)):
        problem = replace(NET.problem(), worths=worths)
        found = run_search(
            problem,
            PlanSampler(problem, 0, 30),
            NET.evaluate,
            accuracy_reward,
            trials=30,
            directory=tmp_path / str(worths[0]),
        )
        macs[worths] = statistics.median(NET.macs(one.widths) for one in found.trials[10:])
    assert macs[1.0,] > macs[0.0,]


@pytest.mark.parametrize("kind", [PlanSampler, PolicySampler])
def test_told_the_curves_it_begins_at_the_allocation(
    kind: type[PlanSampler] | type[PolicySampler], tmp_path: Path
) -> None:
    problem = INFORMED.problem()
    found = run_search(
        problem,
        kind(problem, 0, 2),
        INFORMED.evaluate,
        accuracy_reward,
        trials=2,
        directory=tmp_path,
    )
    assert found.trials[0].widths == Allocator(problem).widths()


def test_the_policy_moves_to_what_was_rewarded() -> None:
    problem = NET.problem()
    sampler = PolicySampler(problem, 0, 100)
    rng = np.random.default_rng(0)
    for _ in range(10):
        for _ in range(6):
            drawn = sampler._mean + 0.3 * rng.standard_normal(len(problem.groups))
            sampler._batch.append((drawn, float(drawn[0] - drawn[1])))
        sampler._move()
    assert sampler._mean[0] > 0.5 and sampler._mean[1] < -0.5
    assert abs(sampler._mean[2]) < 0.5


@pytest.mark.parametrize("sampler", ["amc", "history"])
def test_an_unknown_critic_is_told(sampler: str) -> None:
    with pytest.raises(SearchError, match=f"option 'critic' of sampler '{sampler}' is 'plans'"):
        make_sampler(sampler, NET.problem(), 0, 10, {"critic": "plans"})


@pytest.mark.parametrize("critic", ["plan", "step"])
def test_history_without_earlier_searches_is_amc_with_its_critic(
    critic: str, tmp_path: Path
) -> None:
    problem, proposed = NET.problem(), []
    for name in ("amc", "history"):
        sampler = make_sampler(name, problem, 0, TRIALS, {"critic": critic})
        found = run_search(
            problem, sampler, NET.evaluate, accuracy_reward, trials=6, directory=tmp_path / name
        )
        proposed.append([one.widths for one in found.trials])
    assert proposed[0] == proposed[1]

"""Sampler `history`: the contract, what each mechanism does, and sources that cannot be trusted."""

from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import optuna
import pytest
from scipy.stats import spearmanr

from edgeprune.errors import SearchError
from edgeprune.search import SourceRun, make_sampler
from edgeprune.search.distributions import distributions
from edgeprune.search.samplers import HistorySampler
from edgeprune.search.samplers.history.agent import Actor, PlanCritic, elite
from edgeprune.search.samplers.history.assistant import coherent_models
from edgeprune.search.samplers.history.options import HistoryOptions
from edgeprune.search.samplers.history.transfer_walk import source_episodes
from edgeprune.testing.samplers import MakeSampler, SamplerConformance, SmallNet
from tests.search.sources import DEEP, search, source

NET = SmallNet()
OFF = {"transfer": False, "augmented": False, "assistant": False, "replay": False}


@cache
def _deep() -> SourceRun:
    return source(DEEP)


@cache
def _few() -> SourceRun:
    """Enough to be trusted; an agent that is transferred learns from it each time it is made."""
    found = source(DEEP, trials=12)
    assert coherent_models(NET.problem(), [found])
    return found


def _widths(result: Any) -> list[dict[str, int]]:
    return [trial.widths for trial in result.trials]


class _WithSource(SamplerConformance):
    options: ClassVar[dict[str, Any]] = {}

    @pytest.fixture
    def make(self) -> MakeSampler:
        def made(problem: Any, seed: int, trials: int) -> Any:
            known = replace(problem, sources=(_few(),))
            return make_sampler("history", known, seed, trials, self.options)

        return made


class TestAll(_WithSource):
    pass


@pytest.mark.slow
class TestTransferAlone(_WithSource):
    options: ClassVar[dict[str, Any]] = {**OFF, "transfer": True}


class TestReplayAlone(_WithSource):
    options: ClassVar[dict[str, Any]] = {**OFF, "replay": True, "replay_others": True}


class TestRandomWithAssistant(_WithSource):
    options: ClassVar[dict[str, Any]] = {**OFF, "assistant": True, "proposer": "random"}


def test_without_history_it_is_amc_proposal_for_proposal() -> None:
    for critic in ("plan", "step"):
        found = search(NET, "history", 14, critic=critic)[1]
        assert _widths(found) == _widths(search(NET, "amc", 14, critic=critic)[1])


@pytest.mark.parametrize("mechanism", ["transfer", "augmented", "assistant", "replay"])
def test_each_mechanism_changes_what_is_proposed(mechanism: str) -> None:
    # Replay is of the same network alone.
    known = (source(NET, trials=30) if mechanism == "replay" else _deep(),)
    with_it = search(NET, "history", 8, known, **{**OFF, mechanism: True})[1]
    without = search(NET, "history", 8, known, **OFF)[1]
    assert _widths(with_it) != _widths(without)
    assert _widths(without) == _widths(search(NET, "amc", 8)[1])


def test_other_networks_best_are_replayed_where_that_is_asked_for() -> None:
    known = (_deep(),)
    without = search(NET, "history", 4, known, **OFF)[1]
    own = search(NET, "history", 4, known, **{**OFF, "replay": True})[1]
    others = search(NET, "history", 4, known, **{**OFF, "replay": True, "replay_others": True})[1]
    assert _widths(own) == _widths(without) != _widths(others)


def _shuffled() -> SourceRun:
    one = _deep()
    return replace(one, rewards=np.random.default_rng(1).permutation(one.rewards))


def _broken() -> list[SourceRun]:
    one = _deep()
    return [
        replace(one, rewards=np.full_like(one.rewards, np.nan)),
        replace(one, ratios=one.ratios[:, :3]),
        replace(one, ratios=one.ratios * 10),
        replace(one, features=one.features[:, :1]),
        replace(one, rewards=np.full_like(one.rewards, 0.5)),
        replace(one, costs=-one.costs),
        replace(one, budget=float("nan")),
        replace(one, actions=one.actions[0]),
        replace(one, rewards=one.rewards[:0], ratios=one.ratios[:0]),
        replace(one, rewards=one.rewards * 1e300),
        replace(one, features=one.features * 1e300),
    ]


@pytest.mark.parametrize("kind", ["shuffled", *range(11)])
def test_what_says_nothing_leaves_the_search_as_it_was(kind: str | int) -> None:
    bad = _shuffled() if isinstance(kind, str) else _broken()[kind]
    options: ClassVar[dict[str, Any]] = {"replay": False}
    sampler = search(NET, "history", 8, (bad,), **options)
    assert _widths(sampler[1]) == _widths(search(NET, "amc", 8)[1])
    assert sampler[2].trusted == ()


def test_a_history_of_one_trial_gives_one_candidate() -> None:
    one = source(DEEP, trials=1)
    _, result, sampler = search(NET, "history", 14, (one,))
    cold = search(NET, "amc", 14)[1]
    assert sampler.trusted == ("earlier",)
    assert _widths(result)[0] != _widths(cold)[0]
    # Its warm-up, of four trials, goes on beside that candidate.
    assert _widths(result)[1:3] == _widths(cold)[:2]


def test_a_source_that_the_trials_refute_is_dropped_and_the_search_goes_on_cold() -> None:
    opposite = SmallNet(sensitivity=(0.1, 1.0, 1.0, 0.05, 0.1, 1.0))
    liar = source(opposite, trials=60)
    _, result, sampler = search(NET, "history", 40, (liar,))
    cold = [search(NET, "amc", 40, seed=seed)[1].best.reward for seed in (0, 1)]
    assert len(result.trials) == 40 and sampler.trusted == ()
    assert result.best.reward > min(cold) - 0.05


def test_an_alike_source_finds_the_cold_best_sooner() -> None:
    """Medians over seeds; a whole order, so that no change of noise can turn it."""

    def until(result: Any, goal: float) -> int:
        rewards = [trial.reward for trial in result.trials]
        return next((at for at, found in enumerate(rewards, 1) if found >= goal), 31)

    cold = [search(NET, "amc", 30, seed=seed)[1] for seed in range(3)]
    goal = 0.95 * float(np.median([one.best.reward for one in cold]))
    warm = [search(NET, "history", 30, (_deep(),), seed=seed)[1] for seed in range(3)]
    assert np.median([until(one, goal) for one in warm]) < np.median(
        [until(one, goal) for one in cold]
    )


def test_the_assistant_says_what_it_expects() -> None:
    problem = replace(NET.problem(), sources=(_deep(),))
    sampler = make_sampler("history", problem, 0, 12, {"assistant": True})
    assert isinstance(sampler, HistorySampler) and sampler.predicted_reward is None
    _, _, done = search(NET, "history", 12, (_deep(),), assistant=True)
    assert 0 < done.predicted_reward < 1.5


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"asistant": True}, "'asistant' is unknown to sampler 'history'.*assistant"),
        ({"assistant": 1}, "allowed: true or false"),
        ({"replayed": 0}, "whole number at least 1"),
        ({"proposer": "me"}, "allowed: one of 'agent', 'random'"),
        ({"noise": -1}, "'noise'"),
    ],
)
def test_wrong_options_are_named(options: dict[str, Any], message: str) -> None:
    with pytest.raises(SearchError, match=message):
        make_sampler("history", NET.problem(), 0, 10, options)


def test_options_of_the_agent_pass_through(tmp_path: Path) -> None:
    options = HistoryOptions.from_mapping({"gamma": 0.9, "replay": False})
    assert options.gamma == 0.9 and not options.replay


def test_an_actor_is_regressed_on_the_best_plans_with_the_cost_that_they_reached() -> None:
    one = _deep()
    best = elite(one.rewards, one.costs, one.budget)
    assert len(best) == max(1, round(0.1 * int((one.costs <= 1.02 * one.budget).sum())))
    assert one.rewards[best[0]] == one.rewards[one.costs <= 1.02 * one.budget].max()
    (episode,) = source_episodes(one, one.feature_names, best[:1])
    assert episode.actions == one.ratios[best[0]].tolist()
    goal = episode.states.shape[1] - 4
    assert episode.states[:, goal] == pytest.approx(one.costs[best[0]])
    # It answers about what it was taught.
    actor = Actor([episode], 0)
    found = [actor.act(state) for state in episode.states]
    assert np.abs(np.array(found) - one.ratios[best[0]]).mean() < 0.1


def test_the_critic_ranks_plans_of_this_net_by_trials_of_another() -> None:
    critic = PlanCritic(NET.problem(), [_deep()], 0)
    rng = np.random.default_rng(0)
    ratios = rng.uniform(0.1, 1.0, (60, len(NET.names)))
    widths = [
        {
            name: max(1, round(ratio * full))
            for name, ratio, full in zip(NET.names, row, NET.channels, strict=True)
        }
        for row in ratios
    ]
    real = [NET.accuracy(one) for one in widths]
    assert spearmanr(critic.predict(ratios)[0], real).statistic > 0.5
    # Trials of its own that say the opposite change its mind.
    critic.learn(ratios[:50], -np.array(real[:50]))
    assert spearmanr(critic.predict(ratios)[0], real).statistic < 0


def test_where_capacity_is_worth_something_larger_plans_are_proposed() -> None:
    def macs(worth: float) -> float:
        problem = replace(NET.problem(), sources=(_deep(),), worths=(worth,))
        sampler = make_sampler("history", problem, 0, 12, {})
        study = optuna.create_study(direction="maximize", sampler=sampler)
        found = []
        for _ in range(12):
            trial = study.ask(distributions(problem))
            study.tell(trial, NET.accuracy(trial.params))
            found.append(problem.macs(trial.params))
        return float(np.mean(found))

    assert macs(10.0) > 1.02 * macs(0.0)


def test_told_the_curves_it_is_amc_and_replays_the_same_networks_best() -> None:
    told = replace(NET, curves=True)
    cold = _widths(search(told, "amc", 12)[1])
    _, others, sampler = search(told, "history", 12, (_deep(),))
    assert _widths(others) == cold and sampler.trusted == ()
    own = source(NET, trials=30)
    _, replayed, sampler = search(told, "history", 12, (own,))
    assert _widths(replayed) != cold and sampler.trusted == ("earlier",)
    best = max(one.reward for one in replayed.trials[:3])
    assert best >= own.rewards[own.costs <= told.target].max()

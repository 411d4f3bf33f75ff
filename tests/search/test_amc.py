from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import pytest
import torch

from edgeprune.errors import SearchError
from edgeprune.search import make_sampler, run_search
from edgeprune.search.allocation import Allocator
from edgeprune.search.distributions import distributions
from edgeprune.search.samplers import AmcOptions, AmcSampler
from edgeprune.search.samplers.amc.episode import Walk
from edgeprune.search.samplers.amc.relative import RelativeWalk
from edgeprune.search.samplers.amc.sampler import truncated_normal
from edgeprune.testing.samplers import SmallNet, accuracy_reward

NET = SmallNet()
PROBLEM = NET.problem()


def _study(sampler: AmcSampler, trials: int) -> optuna.Study:
    study = optuna.create_study(direction="maximize", sampler=sampler)
    for _ in range(trials):
        trial = study.ask(distributions(PROBLEM))
        study.tell(trial, NET.accuracy(trial.params))
    return study


def test_defaults_are_those_of_the_released_code() -> None:
    options = AmcOptions().resolved(800)
    assert (options.warmup, options.noise, options.noise_decay) == (100, 0.5, 0.95)
    assert (options.actor_lr, options.critic_lr) == (1e-4, 1e-3)
    assert (options.gamma, options.tau, options.batch_size) == (1.0, 0.01, 64)
    assert (options.hidden, options.updates, options.replay_episodes) == ((300, 300), 1, 100)
    assert options.baseline_rate == 0.5


@pytest.mark.parametrize(("trials", "warmup"), [(80, 20), (12, 3), (1, 0), (400, 100)])
def test_warmup_is_a_quarter_of_the_trials(trials: int, warmup: int) -> None:
    options = AmcOptions().resolved(trials)
    assert options.warmup == warmup
    assert options.noise_decay is not None and options.noise_decay <= 0.95
    assert options.noise_decay ** max(trials - warmup, 1) <= 0.0461


def test_noise_starts_after_the_warmup_and_decays_per_episode() -> None:
    sampler = AmcSampler(PROBLEM, 0, 80, AmcOptions(warmup=3))
    seen = []
    study = optuna.create_study(direction="maximize", sampler=sampler)
    for _ in range(6):
        seen.append(sampler.noise)
        trial = study.ask(distributions(PROBLEM))
        study.tell(trial, 0.5)
    assert seen[:3] == [None, None, None]
    assert seen[3:] == pytest.approx([0.5, 0.5 * 0.95, 0.5 * 0.95**2])


def test_no_updates_before_the_warmup_is_over() -> None:
    sampler = AmcSampler(PROBLEM, 0, 80, AmcOptions(warmup=4))
    before = sampler.state_dict()["agent"]["actor"]["mu.0.weight"].clone()
    _study(sampler, 4)
    assert sampler.state_dict()["agent"]["updates"] == 0
    assert torch.equal(sampler.state_dict()["agent"]["actor"]["mu.0.weight"], before)
    _study(sampler, 1)
    state = sampler.state_dict()["agent"]
    assert state["updates"] == len(PROBLEM.groups)
    assert not torch.equal(state["actor"]["mu.0.weight"], before)


def test_final_reward_is_written_to_the_whole_episode() -> None:
    sampler = AmcSampler(PROBLEM, 0, 80)
    study = _study(sampler, 3)
    replay = sampler.state_dict()["agent"]["replay"]
    groups = len(PROBLEM.groups)
    expected = np.repeat([trial.value for trial in study.trials], groups)
    assert replay["rewards"].flatten().numpy() == pytest.approx(expected)
    ends = replay["dones"].reshape(3, groups)
    assert ends[:, -1].all() and not ends[:, :-1].any()


def test_replay_keeps_a_hundred_episodes() -> None:
    sampler = AmcSampler(PROBLEM, 0, 80)
    assert sampler._agent.replay.buffer_size == 100 * len(PROBLEM.groups)


def test_the_raw_action_is_stored_not_the_clipped_one() -> None:
    sampler = AmcSampler(replace(PROBLEM, target=0.2), 0, 80)
    study = optuna.create_study(direction="maximize", sampler=sampler)
    trial = study.ask(distributions(PROBLEM))
    study.tell(trial, 0.5)
    stored = sampler.state_dict()["agent"]["replay"]["actions"].flatten().numpy()
    raw = (stored + 1) / 2
    again = np.random.default_rng(0)
    assert raw == pytest.approx([again.uniform() for _ in PROBLEM.groups], abs=1e-6)
    kept = np.array([trial.params[group] / PROBLEM.full[group] for group in PROBLEM.groups])
    assert (kept < raw - 0.1).any()


@pytest.mark.parametrize(("wall", "target"), [(False, 0.2), (True, 0.2), (True, 0.9)])
def test_states_are_those_of_the_plan_that_is_evaluated(wall: bool, target: float) -> None:
    problem = replace(PROBLEM, target=target)
    sampler = AmcSampler(problem, 0, 80, AmcOptions(wall=wall))
    study = optuna.create_study(direction="maximize", sampler=sampler)
    trial = study.ask(distributions(problem))
    study.tell(trial, 0.5)
    stored = sampler.state_dict()["agent"]["replay"]["observations"].numpy()
    followed = Walk(problem, identity=True).retrace(trial.params).states
    np.testing.assert_allclose(stored.reshape(followed.shape), followed)


def test_states_are_in_macs_from_the_first_to_the_last() -> None:
    walk = Walk(PROBLEM, identity=True)
    half = {group: PROBLEM.full[group] // 2 for group in PROBLEM.groups}
    states = walk.retrace(half).states
    total = PROBLEM.macs(PROBLEM.full)
    reduced, rest, previous = states[:, -3], states[:, -2], states[:, -1]
    assert reduced[0] == 0 and previous[0] == 1
    assert previous[1:] == pytest.approx(0.5)
    cut_first = PROBLEM.macs({**PROBLEM.full, "layer0": 8})
    assert reduced[1] == pytest.approx(1 - cut_first / total)
    kept = {**PROBLEM.smallest, "layer0": 16}
    assert rest[0] == pytest.approx(1 - PROBLEM.macs(kept) / total)
    assert rest[-1] == 0
    assert (np.diff(reduced) > 0).all() and (np.diff(rest) < 0).all()
    assert states[:, 2:8] == pytest.approx(np.eye(6))
    assert states[:, :2].min() == 0 and states[:, :2].max() == 1


def test_episodes_spend_the_budget() -> None:
    sampler = AmcSampler(PROBLEM, 0, 80)
    costs = [PROBLEM.cost(trial.params) for trial in _study(sampler, 10).trials]
    assert min(costs) > 0.95 * PROBLEM.target
    thrifty = AmcSampler(PROBLEM, 0, 80, AmcOptions(wall=True, spend_budget=False))
    costs = [PROBLEM.cost(trial.params) for trial in _study(thrifty, 10).trials]
    assert np.mean(costs) < 0.95 * PROBLEM.target


def test_enqueued_widths_are_learnt_from(tmp_path: Path) -> None:
    sampler = AmcSampler(PROBLEM, 0, 80)
    half = {group: PROBLEM.full[group] // 2 for group in PROBLEM.groups}
    run_search(
        PROBLEM, sampler, NET.evaluate, accuracy_reward,
        trials=1, directory=tmp_path, enqueue=[half],
    )  # fmt: skip
    replay = sampler.state_dict()["agent"]["replay"]
    assert replay["actions"].flatten().numpy() == pytest.approx(0.0)  # Half of [-1, 1].
    assert replay["rewards"].flatten().numpy() == pytest.approx(NET.accuracy(half))


def test_failed_trials_teach_nothing() -> None:
    sampler = AmcSampler(PROBLEM, 0, 80)
    study = optuna.create_study(direction="maximize", sampler=sampler)
    trial = study.ask(distributions(PROBLEM))
    study.tell(trial, state=optuna.trial.TrialState.FAIL)
    assert sampler.state_dict()["finished"] == 0
    assert len(sampler.state_dict()["agent"]["replay"]["rewards"]) == 0


def test_state_survives_a_file_without_pickled_code(tmp_path: Path) -> None:
    sampler = AmcSampler(PROBLEM, 0, 12)
    _study(sampler, 6)
    torch.save(sampler.state_dict(), tmp_path / "state.pt")
    other = AmcSampler(PROBLEM, 99, 12)
    other.load_state_dict(torch.load(tmp_path / "state.pt", weights_only=True))
    expected, found = _study(sampler, 3), _study(other, 3)
    assert [trial.params for trial in found.trials] == [t.params for t in expected.trials]


def test_truncated_normal_stays_inside_and_follows_its_centre() -> None:
    rng = np.random.default_rng(0)
    for centre, deviation in [(0.0, 0.5), (0.5, 0.5), (1.0, 0.01), (0.3, 1e-6)]:
        draws = [truncated_normal(rng, centre, deviation) for _ in range(500)]
        assert 0 <= min(draws) and max(draws) <= 1
        if deviation <= 0.01:
            assert np.mean(draws) == pytest.approx(centre, abs=deviation)
    wide = [truncated_normal(rng, 0.5, 0.5) for _ in range(2000)]
    assert np.std(wide) == pytest.approx(0.27, abs=0.02)  # Cut at one deviation on each side.


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"warm_up": 3}, "'warm_up' is unknown.*did you mean 'warmup'"),
        ({"warmup": -1}, "'warmup'.*is -1; allowed: a whole number at least 0"),
        ({"warmup": 2.5}, "'warmup'.*is 2.5; allowed: a whole number"),
        ({"noise": 0}, "'noise'.*is 0; allowed: a number above 0"),
        ({"noise": "much"}, "'noise'.*is 'much'"),
        ({"gamma": float("nan")}, "'gamma'.*is nan"),
        ({"hidden": []}, "'hidden'.*allowed: a non-empty list"),
        ({"identity": 1}, "'identity'.*allowed: true or false"),
    ],
)
def test_wrong_options(options: dict[str, Any], message: str) -> None:
    with pytest.raises(SearchError, match=message):
        make_sampler("amc", PROBLEM, 0, 80, options)


def test_options_from_a_file_reach_the_agent() -> None:
    given = {"critic": "step", "hidden": [32, 16], "warmup": 5}
    sampler = make_sampler("amc", PROBLEM, 0, 80, given)
    assert isinstance(sampler, AmcSampler)
    assert sampler.options.warmup == 5
    assert sampler.state_dict()["agent"]["actor"]["mu.2.weight"].shape == (16, 32)


def test_amc_beats_random_and_uniform_on_average(tmp_path: Path) -> None:
    net = SmallNet(noise=0.01)
    problem = net.problem()

    def reached(name: str, seed: int, trials: int) -> float:
        options = {"critic": "step"} if name == "amc" else {}
        sampler = make_sampler(name, problem, seed, trials, options)
        directory = tmp_path / f"{name}{seed}"
        result = run_search(
            problem, sampler, net.evaluate, accuracy_reward, trials=trials, directory=directory
        )
        return net.accuracy(result.best.widths)

    amc = np.mean([reached("amc", seed, 40) for seed in range(4)])
    random = np.mean([reached("random", seed, 40) for seed in range(4)])
    assert amc > random + 0.01
    assert random > reached("uniform", 0, 5) + 0.05


TOLD = SmallNet(blocks=((1, 2), (4, 5)), curves=True)


def test_with_curves_the_first_episode_is_the_allocation() -> None:
    problem = TOLD.problem()
    study = optuna.create_study(sampler=AmcSampler(problem, 0, 20))
    allocated = Allocator(problem).widths()
    assert study.ask(distributions(problem)).params == allocated
    published = AmcSampler(problem, 0, 20, AmcOptions(relative=False))
    study = optuna.create_study(sampler=published)
    assert study.ask(distributions(problem)).params != allocated


def test_actions_are_factors_on_the_losses() -> None:
    problem = TOLD.problem()
    walk = RelativeWalk(problem, 1.5, identity=True)
    actions = [0.5, 0.5, 0.5, 1.0, 0.0, 0.5]
    given = iter(actions)
    episode = walk.act(lambda state: next(given), wall=False)
    factors = dict(zip(problem.groups, np.exp(1.5 * (2 * np.array(actions) - 1)), strict=True))
    assert episode.widths == Allocator(problem).widths(factors)
    assert episode.states.shape == (6, walk.state_size)
    assert np.isfinite(episode.states).all() and np.abs(episode.states).max() <= 1


def test_enqueued_widths_lean_from_the_allocation() -> None:
    problem = TOLD.problem()
    walk = RelativeWalk(problem, 1.5, identity=False)
    allocated = Allocator(problem).widths()
    assert walk.retrace(allocated).actions == [0.5] * 6
    wider = walk.retrace({**allocated, "layer3": allocated["layer3"] + 4}).actions
    assert wider[3] > 0.5 and wider[:3] == [0.5] * 3


def test_warm_up_lies_around_the_allocation() -> None:
    problem = TOLD.problem()
    sampler = AmcSampler(problem, 0, 80)
    study = optuna.create_study(direction="maximize", sampler=sampler)
    for _ in range(8):
        trial = study.ask(distributions(problem))
        assert problem.fits(trial.params)
        study.tell(trial, TOLD.accuracy(trial.params))
    stored = sampler.state_dict()["agent"]["replay"]["actions"].flatten().numpy()
    assert (stored[:6] == 0).all()
    assert 0.2 < np.std(stored[6:]) < 0.5 and abs(np.mean(stored[6:])) < 0.15


def test_relative_actions_beat_absolute_ones_in_short_searches(tmp_path: Path) -> None:
    problem = TOLD.problem()
    best = {}
    for relative in (False, True):
        sampler = AmcSampler(problem, 0, 15, AmcOptions(relative=relative))
        result = run_search(
            problem, sampler, TOLD.evaluate, accuracy_reward,
            trials=15, directory=tmp_path / str(relative),
        )  # fmt: skip
        best[relative] = result.best.reward
    assert best[True] > best[False]

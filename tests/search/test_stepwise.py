"""PuRL and QLP: what a step is, what it earns, and how episodes and regimes follow."""

import math
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch

from edgeprune.errors import SearchError
from edgeprune.search import Outcome, SearchResult, Widths, make_sampler, run_search
from edgeprune.search.allocation import Allocator
from edgeprune.search.fitting import fit_to_budget
from edgeprune.search.samplers import PurlOptions, PurlSampler, QlpOptions, QlpSampler
from edgeprune.search.samplers.stepwise.agent import QAgent
from edgeprune.search.samplers.stepwise.options import AgentOptions
from edgeprune.search.samplers.stepwise.sampler import Known, StepwiseSampler
from edgeprune.testing.samplers import SmallNet, accuracy_reward

NET = SmallNet()
PROBLEM = NET.problem()


def _search(sampler: StepwiseSampler, folder: Path, trials: int) -> SearchResult:
    return run_search(
        sampler.problem, sampler, NET.evaluate, accuracy_reward, trials=trials, directory=folder
    )


def _transitions(sampler: StepwiseSampler) -> dict[str, np.ndarray]:
    replay = sampler.agent.replay.state_dict()
    names = ("observations", "actions", "rewards", "dones")
    return {name: replay[name][:, 0].numpy() for name in names}


def _purl(trials: int, **options: object) -> PurlSampler:
    """As published: cuts of the uncut model."""
    return PurlSampler(PROBLEM, 0, trials, PurlOptions.from_mapping({"around": False, **options}))


def _qlp(trials: int, **options: object) -> QlpSampler:
    return QlpSampler(PROBLEM, 0, trials, QlpOptions.from_mapping(options))


def test_the_first_trial_is_the_uncut_model_and_each_step_cuts_one_group(tmp_path: Path) -> None:
    widths = [one.widths for one in _search(_purl(7), tmp_path, 7).trials]
    assert widths[0] == PROBLEM.full
    for before, after in pairwise(widths[:5]):
        changed = [group for group in PROBLEM.groups if after[group] != before[group]]
        assert len(changed) == 1 and after[changed[0]] < before[changed[0]]


def test_purl_rewards_are_the_formula_of_both_targets() -> None:
    sampler = _purl(20, beta=5.0)
    sampler.known[PROBLEM.key(PROBLEM.full)] = Known(0.8, 1.0)
    sampler.steps = 1
    judged = sampler.judge(Known(0.8, 1.0), Known(0.6, 0.7))
    assert judged.reward == pytest.approx(-5 * ((1 - 0.6 / 0.8) + (1 - 0.3 / 0.5)))
    assert not judged.over
    assert sampler.judge(Known(0.8, 1.0), Known(0.9, 0.4)).reward == 0
    assert sampler.observe()[:3] == pytest.approx([1 / 6, 0.9, 0.6])
    assert not sampler.observe()[3:].any()


def test_purl_removes_what_lies_below_its_threshold_of_a_normal_distribution() -> None:
    sampler = _purl(20)
    draws = np.abs(np.random.default_rng(0).standard_normal(200_000))
    for action in (0, 5, 22):
        kept = float((draws >= sampler.alphas[action]).mean())
        assert sampler.keep("layer0", 1000, action) / 1000 == pytest.approx(kept, abs=0.01)


@pytest.mark.parametrize("told", [True, False])
def test_purl_changes_the_best_plan_group_by_group_within_the_budget(
    told: bool, tmp_path: Path
) -> None:
    problem = SmallNet(curves=told).problem()
    sampler = PurlSampler(problem, 0, 30)
    trials = _search(sampler, tmp_path, 30).trials
    assert all(problem.fits(one.widths) for one in trials)
    # A pass of six steps ends; the next one begins where the best plan so far is.
    assert sampler.passes >= 3
    best = max(trials, key=lambda one: one.reward)
    assert sampler.restart() == best.widths
    if told:
        assert trials[0].widths == Allocator(problem).widths()
    else:  # it starts at the uniform plan, which is far from the best
        assert best.reward > trials[0].reward + 0.05


def test_purl_takes_its_authors_thresholds_where_they_can_meet_the_budget() -> None:
    options = PurlOptions()
    authors = options.thresholds(0.1, weights=True)
    assert authors == pytest.approx((1.0, 1.2, 1.4, 1.6, 1.8, 2.0, 2.2))
    # One standard deviation keeps 32 %: a budget of half the weights asks for less than that.
    assert options.thresholds(0.5, weights=True)[0] == 0
    assert options.thresholds(0.1, weights=False)[0] == 0
    assert PurlOptions(alphas=(0.0, 0.5)).thresholds(0.1, weights=True) == (0.0, 0.5)


def test_a_pass_above_the_budget_is_followed_by_a_closing_trial(tmp_path: Path) -> None:
    # Thresholds so low that no pass reaches the budget by itself.
    sampler = _purl(20, alphas=[0.0, 0.01])
    trials = _search(sampler, tmp_path, 20).trials
    assert sampler.passes >= 2 and sampler.satisfied == 0
    closing = [one for one in trials if one.outcome.latency_ratio <= PROBLEM.target]
    assert len(closing) >= 2
    # A closing trial is no action: what is stored are whole passes, and what the end cut short.
    assert 0 <= len(_transitions(sampler)["rewards"]) - sampler.passes * 6 < 6


def test_qlp_sees_index_and_density_and_nothing_else(tmp_path: Path) -> None:
    sampler = _qlp(30)
    _search(sampler, tmp_path, 30)
    seen = _transitions(sampler)["observations"]
    assert seen.shape[1] == 2
    assert set(np.round(seen[:, 0] * 5, 4)) <= set(range(6))
    assert (seen[:, 1] > 0).all() and (seen[:, 1] <= 1).all()


def test_qlp_visits_groups_round_and_round_and_cuts_what_is_left() -> None:
    sampler = _qlp(30)
    visited = []
    for sampler.steps in range(13):
        visited.append(sampler.group)
    assert visited == [*PROBLEM.groups, *PROBLEM.groups, PROBLEM.groups[0]]
    assert sampler.keep("layer0", 10, 6) == pytest.approx(6.0)
    assert sampler.keep("layer0", 6, 6) == pytest.approx(3.6)


def test_qlp_steps_earn_accuracy_and_cost_and_the_end_earns_accuracy() -> None:
    sampler = _qlp(30, cost_weight=0.5, regimes=[0.8])
    step = sampler.judge(Known(0.8, 1.0), Known(0.7, 0.9))
    assert step.reward == pytest.approx(-0.1 + 0.5 * 0.1)
    assert not step.over
    end = sampler.judge(Known(0.7, 0.9), Known(0.6, 0.75))
    assert end.reward == pytest.approx(-0.1 + 0.5 * 0.15 + 0.6)
    assert end.over and end.terminal
    sampler = _qlp(30, cost_weight=0.5, regimes=[0.8], evaluate="partial")
    collapse = sampler.judge(Known(0.7, 0.9), Known(0.1, 0.75))
    assert collapse.reward == pytest.approx(-0.6 + 0.5 * 0.15 - 1)
    assert collapse.terminal


def test_qlp_gives_a_candidate_for_every_regime(tmp_path: Path) -> None:
    sampler = _qlp(60)
    trials = _search(sampler, tmp_path, 60).trials
    assert sampler.ladder == (0.8, 0.7, 0.6, 0.5)
    for regime, cost in enumerate(sampler.ladder):
        done = trials[: 15 * (regime + 1)]
        assert min(one.outcome.latency_ratio for one in done) <= cost


def test_qlp_carries_network_and_policy_on_to_the_next_regime(tmp_path: Path) -> None:
    sampler = _qlp(60)
    trials = _search(sampler, tmp_path, 60).trials
    assert len(sampler.policies) == 4
    # The second regime starts where the first one's best candidate was.
    first = [one for one in trials[:15] if one.outcome.latency_ratio <= 0.8]
    home = max(first, key=lambda one: one.reward).widths
    # Filling may widen a group by a few channels beyond it.
    assert all(one.widths[g] <= home[g] + 4 for one in trials[15:29] for g in PROBLEM.groups)
    before, after = sampler.policies[:2]
    assert any(not torch.equal(before[name], after[name]) for name in before)


def test_random_actions_fall_within_a_regime_and_rise_at_the_next() -> None:
    sampler = _qlp(100, regimes=[0.75])
    assert sampler.epsilon() == 1.0
    sampler.known = {(number,) * 6: Known(0.5, 1.0) for number in range(30)}
    assert sampler.epsilon() == pytest.approx(0.05)
    sampler.known |= {(number,) * 6: Known(0.5, 0.7) for number in range(30, 50)}
    sampler.restart()
    assert sampler.regime == 1
    assert sampler.epsilon() == pytest.approx(0.3)


@pytest.mark.parametrize("name", ["purl", "qlp"])
def test_terminal_reward_is_the_same_sum_at_the_end(name: str, tmp_path: Path) -> None:
    found = {}
    for reward in ("dense", "terminal"):
        # Without learning both walk the same way.
        options: dict[str, object] = {"reward": reward, "learning_starts": 10_000}
        options["curriculum" if name == "qlp" else "around"] = False
        sampler = make_sampler(name, PROBLEM, 0, 200, options)
        assert isinstance(sampler, StepwiseSampler)
        _search(sampler, tmp_path / reward, 200)
        found[reward] = _transitions(sampler)
    ends = np.flatnonzero(found["terminal"]["rewards"])
    assert 0 < len(ends) < len(found["dense"]["rewards"]) / 3
    start = 0
    for end in ends:
        total = found["dense"]["rewards"][start : end + 1].sum()
        assert found["terminal"]["rewards"][end] == pytest.approx(total, abs=1e-4)
        start = end + 1


def test_known_candidates_cost_no_trial_but_are_learnt_from(tmp_path: Path) -> None:
    sampler = _purl(30)
    _search(sampler, tmp_path, 30)
    # The uncut model opens every pass, and is evaluated once.
    assert sampler.passes >= 3
    assert len(_transitions(sampler)["rewards"]) >= 30 - 1 - sampler.passes


def test_a_step_that_fails_ends_its_episode(tmp_path: Path) -> None:
    sampler = _qlp(10)
    count = 0

    def evaluate(widths: Widths) -> Outcome:
        nonlocal count
        count += 1
        return replace(NET.evaluate(widths), accuracy=0.1 if count == 4 else 0.8)

    trials = run_search(
        PROBLEM, sampler, evaluate, accuracy_reward, trials=5, directory=tmp_path
    ).trials
    # The fourth collapsed: the fifth is one cut away from the uncut model again.
    changed = [group for group in PROBLEM.groups if trials[4].widths[group] != PROBLEM.full[group]]
    assert len(changed) <= 1 or trials[4].outcome.latency_ratio <= 0.8


def test_the_acting_network_chooses_and_the_target_network_values() -> None:
    options = AgentOptions(
        hidden=(4,), batch_size=8, learning_starts=8, learning_rate=0.05, target_every=10**6
    )
    agent = QAgent(1, 2, options, 0)
    # Both networks are constants, their last layer's biases: the online one prefers action 1.
    for net, biases in ((agent._dqn.q_net, (0.0, 1.0)), (agent._dqn.q_net_target, (10.0, 2.0))):
        with torch.no_grad():
            for value in net.parameters():
                value.zero_()
            list(net.parameters())[-1].copy_(torch.tensor(biases))
    state = np.zeros(1, np.float32)
    for _ in range(8):
        agent.remember(state, 1, 0.5, state, terminal=False)
    for _ in range(400):
        agent.learn()
    with torch.no_grad():
        value = agent._dqn.q_net(torch.zeros(1, 1))[0, 1].item()
    # DQN would learn 0.5 + 0.99 * 10.
    assert value == pytest.approx(0.5 + 0.99 * 2, abs=0.05)


def test_the_target_network_is_copied_in_time() -> None:
    agent = QAgent(1, 2, AgentOptions(batch_size=2, learning_starts=2, target_every=5), 0)
    state = np.ones(1, np.float32)
    for _ in range(2):
        agent.remember(state, 0, 1.0, state, terminal=True)
    for updates in range(1, 11):
        agent.learn()
        saved = agent.state_dict()
        same = all(
            torch.equal(value, saved["q_net_target"][name])
            for name, value in saved["q_net"].items()
        )
        assert same == (updates % 5 == 0)


@pytest.mark.slow
def test_qlp_learns_which_groups_matter(tmp_path: Path) -> None:
    """Candidates at the budget beat those of an agent that never learns, plans as they are.

    With plans completed both agents come near the best of this small net, and none leads.
    """
    best = {}
    for name, options in (
        ("learns", {}),
        ("never", {"learning_starts": 10_000, "last_epsilon": 1.0}),
    ):
        values = []
        for seed in range(4):
            sampler = make_sampler(
                "qlp", PROBLEM, seed, 300, {"curriculum": False, "evaluate": "partial", **options}
            )
            result = run_search(
                PROBLEM,
                sampler,
                NET.evaluate,
                accuracy_reward,
                trials=300,
                directory=tmp_path / f"{name}{seed}",
            )
            values.append(result.best.reward)
        best[name] = float(np.mean(values))
    assert best["learns"] > best["never"]


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("purl", {"alpha": [1]}, "'alpha' is unknown to sampler 'purl'.*did you mean 'alphas'"),
        ("purl", {"beta": -1}, "'beta' of sampler 'purl' is -1"),
        ("qlp", {"actions": [0.5]}, "'actions' of sampler 'qlp' is"),
        ("qlp", {"regimes": [0.6, 0.8]}, "they must fall"),
        ("qlp", {"regimes": [0.8, 0.3]}, "costs above the budget, 0.5"),
        ("qlp", {"reward": "sparse"}, "'reward' of sampler 'qlp' is 'sparse'"),
    ],
)
def test_wrong_options_are_named(name: str, options: dict[str, object], message: str) -> None:
    with pytest.raises(SearchError, match=message):
        make_sampler(name, PROBLEM, 0, 10, options)


def test_the_budget_may_be_named_as_the_last_regime() -> None:
    assert QlpOptions(regimes=(0.8, 0.5)).ladder(0.5) == (0.8, 0.5)
    assert QlpOptions(curriculum=False).ladder(0.3) == (0.3,)
    assert math.isclose(QlpOptions().ladder(0.75)[-1], 0.75)


def test_qlp_evaluates_plans_completed_to_the_regimes_cost(tmp_path: Path) -> None:
    sampler = _qlp(40)
    trials = _search(sampler, tmp_path, 40).trials
    for regime, cost in enumerate(sampler.ladder):
        part = trials[10 * regime : 10 * (regime + 1)]
        assert all(PROBLEM.cost(one.widths) <= cost for one in part)
    # The first is what a method without search gives: all groups scaled alike.
    first = replace(PROBLEM, target=0.8)
    assert trials[0].widths == fit_to_budget(first, dict.fromkeys(PROBLEM.groups, 1.0))


def test_qlp_evaluates_plans_as_they_are_where_that_is_asked_for(tmp_path: Path) -> None:
    trials = _search(_qlp(12, evaluate="partial"), tmp_path, 12).trials
    assert trials[0].widths == PROBLEM.full
    assert PROBLEM.cost(trials[1].widths) > 0.8


@pytest.mark.parametrize("evaluate", ["partial", "completed"])
def test_a_stopped_search_goes_on_alike_however_plans_are_evaluated(
    evaluate: str, tmp_path: Path
) -> None:
    whole = _search(_qlp(30, evaluate=evaluate), tmp_path / "whole", 30).trials
    _search(_qlp(30, evaluate=evaluate), tmp_path / "parts", 17)
    parts = _search(_qlp(30, evaluate=evaluate), tmp_path / "parts", 30).trials
    assert [one.widths for one in parts] == [one.widths for one in whole]

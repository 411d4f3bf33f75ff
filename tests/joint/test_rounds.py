"""The agent's rounds: what leads, and what it is compared with."""

from dataclasses import replace

import numpy as np
import pytest

from edgeprune.joint import JointSchedule, Rounds
from edgeprune.search import Widths
from edgeprune.testing.samplers import SmallNet
from tests.joint.jointly import SHORT, Small


def test_the_first_episode_is_the_structure_that_is_to_be_beaten() -> None:
    small = Small()
    rounds = Rounds(small.problem, small.scorer, SHORT, seed=0)
    rounds.fill()
    opened = Rounds(small.problem, small.scorer, SHORT, seed=0, first=rounds.incumbent)
    found = opened.fill()
    assert opened.incumbent is not None and rounds.incumbent is not None
    assert found.incumbent >= small.scorer.confirm(rounds.incumbent)


def test_what_leads_is_scored_with_the_weights_of_the_moment() -> None:
    small = Small()
    rounds = Rounds(small.problem, small.scorer, SHORT, seed=0)
    before = rounds.fill()
    assert before.mean <= before.best
    assert rounds.incumbent is not None
    assert before.incumbent == small.scorer.confirm(rounds.incumbent)
    for parameter in small.model.parameters():
        parameter.data.zero_()
    after = rounds.joint()
    assert rounds.incumbent is not None
    assert after.incumbent == small.scorer.confirm(rounds.incumbent)


class Known:
    """Scores structures of a network whose accuracies are known."""

    def __init__(self, net: SmallNet) -> None:
        self._net = net

    def score(self, widths: Widths) -> float:
        return self._net.accuracy(widths)

    def confirm(self, widths: Widths) -> float:
        return self._net.accuracy(widths)

    def margin(self, accuracy: float) -> float:
        return 0.0


class Lucky(Known):
    """Scores whose order many images turn round."""

    def confirm(self, widths: Widths) -> float:
        return 1 - self._net.accuracy(widths)


def _rewards(rounds: Rounds) -> np.ndarray:
    return rounds.agent.replay.state_dict()["rewards"][:, 0].numpy()


def test_rewards_are_relative_to_the_leaders_with_the_weights_of_the_moment() -> None:
    net = SmallNet()
    rounds = Rounds(net.problem(), Known(net), SHORT, seed=0)
    first = rounds.fill()
    groups = len(net.names)
    # In the first round none leads: relative to its mean, and alike at every step of an episode.
    assert _rewards(rounds).sum() == pytest.approx(0.0, abs=1e-5)
    assert len(set(_rewards(rounds)[:groups].tolist())) == 1
    second = rounds.fill()
    told = _rewards(rounds)[SHORT.episodes * groups :]
    assert told.max() == pytest.approx(second.best - first.incumbent, abs=1e-5)


def test_who_leads_is_confirmed_on_more_images() -> None:
    net = SmallNet()
    problem = net.problem()
    rounds = Rounds(problem, Lucky(net), replace(SHORT, episodes=8), seed=0)
    found = rounds.fill()
    assert rounds.incumbent is not None
    assert found.incumbent == 1 - net.accuracy(rounds.incumbent)
    assert net.accuracy(rounds.incumbent) < found.best


def test_a_leader_that_is_found_over_the_budget_leads_no_longer() -> None:
    net = SmallNet()
    learned: dict[tuple[int, ...], float] = {}

    def cost(widths: Widths) -> float:
        return learned.get(tuple(widths.values()), net.latency_ratio(widths))

    problem = replace(net.problem(), cost=cost)
    rounds = Rounds(problem, Known(net), SHORT, seed=0)
    rounds.fill()
    before = rounds.incumbent
    assert before is not None
    learned[tuple(before.values())] = 0.54
    rounds.fill()
    assert rounds.incumbent != before and problem.fits(rounds.incumbent or problem.full)


def test_the_agent_learns_which_groups_matter() -> None:
    net = SmallNet(target=0.5)
    schedule = JointSchedule(fill=3, joint=12, episodes=10, decoder_updates=10, agent_updates=150)
    rounds = Rounds(net.problem(), Known(net), schedule, seed=0)
    random = [rounds.fill().mean for _ in range(schedule.fill)]
    learned = [rounds.joint().mean for _ in range(schedule.joint)]
    assert np.mean(learned[-4:]) > np.mean(random) + 0.04

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
    assert found.incumbent >= small.scorer.score_well(rounds.incumbent)


def test_what_leads_is_scored_with_the_weights_of_the_moment() -> None:
    small = Small()
    rounds = Rounds(small.problem, small.scorer, SHORT, seed=0)
    before = rounds.fill()
    assert before.mean <= before.best
    assert rounds.incumbent is not None
    assert before.incumbent == small.scorer.score_well(rounds.incumbent)
    for parameter in small.model.parameters():
        parameter.data.zero_()
    after = rounds.joint()
    assert rounds.incumbent is not None
    assert after.incumbent == small.scorer.score_well(rounds.incumbent)


def test_the_agent_is_told_how_far_an_episode_is_from_what_leads() -> None:
    small = Small()
    rounds = Rounds(small.problem, small.scorer, SHORT, seed=0)
    rounds.fill()
    lead = rounds.incumbent
    assert lead is not None
    told: list[float] = []
    remember = rounds.agent.remember

    def listen(states: np.ndarray, actions: tuple[float, ...], reward: float, number: int) -> None:
        told.append(reward)
        remember(states, actions, reward, number)

    rounds.agent.remember = listen  # type: ignore[method-assign]
    found = rounds.joint()
    assert np.mean(told) == pytest.approx(found.mean - small.scorer.score(lead))


class Scripted:
    """Scores structures in the order in which they are asked for; all images tell otherwise."""

    def __init__(self, well: dict[int, float]) -> None:
        self._well, self._turn = well, 0
        self.margin = 0.0

    def score(self, widths: Widths) -> float:
        self._turn += 1
        return 0.1 * (sum(widths.values()) % 7)

    def score_well(self, widths: Widths) -> float:
        return self._well.get(sum(widths.values()), 0.5)

    def chance(self, accuracy: float) -> float:
        return self.margin


def test_the_lead_changes_where_more_than_chance_speaks_for_it() -> None:
    net = SmallNet(target=0.5)
    scorer = Scripted({})
    rounds = Rounds(net.problem(), scorer, replace(SHORT, fill=9), seed=0)
    rounds.fill()
    first = rounds.incumbent
    for _ in range(4):  # all structures are equal on all images
        rounds.fill()
        assert rounds.incumbent == first
    scorer._well = {sum(first.values()): 0.4}
    scorer.margin = 0.2
    rounds.fill()
    assert rounds.incumbent == first
    scorer.margin = 0.05
    rounds.fill()
    assert rounds.incumbent != first


def test_a_leader_that_was_measured_beyond_the_budget_leads_no_more() -> None:
    net, slow = SmallNet(target=0.5), []
    known = net.problem()
    problem = replace(known, cost=lambda widths: 1.0 if widths in slow else known.cost(widths))
    rounds = Rounds(problem, Known(net), SHORT, seed=0)
    rounds.fill()
    first = rounds.incumbent
    slow.append(first)
    rounds.fill()
    assert rounds.incumbent != first and problem.fits(rounds.incumbent)


class Known:
    """Scores structures of a network whose accuracies are known."""

    def __init__(self, net: SmallNet) -> None:
        self._net = net

    def score(self, widths: Widths) -> float:
        return self._net.accuracy(widths)

    score_well = score

    def chance(self, accuracy: float) -> float:
        return 0.0


def test_the_agent_learns_which_groups_matter() -> None:
    net = SmallNet(target=0.5)
    schedule = JointSchedule(fill=3, joint=12, episodes=10, decoder_updates=10, agent_updates=150)
    rounds = Rounds(net.problem(), Known(net), schedule, seed=0)
    random = [rounds.fill().mean for _ in range(schedule.fill)]
    learned = [rounds.joint().mean for _ in range(schedule.joint)]
    assert np.mean(learned[-4:]) > np.mean(random) + 0.04

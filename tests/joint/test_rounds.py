"""The agent's rounds: what leads, and what it is compared with."""

import numpy as np

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
    assert found.incumbent >= small.scorer.score(rounds.incumbent)


def test_what_leads_is_scored_with_the_weights_of_the_moment() -> None:
    small = Small()
    rounds = Rounds(small.problem, small.scorer, SHORT, seed=0)
    before = rounds.fill()
    assert before.mean <= before.best == before.incumbent
    for parameter in small.model.parameters():
        parameter.data.zero_()
    after = rounds.joint()
    assert rounds.incumbent is not None
    assert after.incumbent == small.scorer.score(rounds.incumbent)


class Known:
    """Scores structures of a network whose accuracies are known."""

    def __init__(self, net: SmallNet) -> None:
        self._net = net

    def score(self, widths: Widths) -> float:
        return self._net.accuracy(widths)


def test_the_agent_learns_which_groups_matter() -> None:
    net = SmallNet(target=0.5)
    schedule = JointSchedule(fill=3, joint=12, episodes=10, decoder_updates=10, agent_updates=150)
    rounds = Rounds(net.problem(), Known(net), schedule, seed=0)
    random = [rounds.fill().mean for _ in range(schedule.fill)]
    learned = [rounds.joint().mean for _ in range(schedule.joint)]
    assert np.mean(learned[-4:]) > np.mean(random) + 0.04

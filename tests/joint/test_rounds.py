"""The agent's rounds: what leads, and what it is compared with."""

from edgeprune.joint import Rounds
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

"""The agent's part of joint training: what it does between two epochs of the weights."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from edgeprune.joint.agent import Agent
from edgeprune.joint.episode import Episode, Policy, Walk
from edgeprune.joint.representation import Representation, Steps
from edgeprune.joint.schedule import JointSchedule
from edgeprune.joint.scoring import Scorer
from edgeprune.search import SearchProblem, Widths
from edgeprune.search.samplers.base import rng_from_state, rng_state
from edgeprune.search.samplers.isolation import isolated

#: Steps of a batch for the representation.
_BATCH = 64
#: Structures of a round that are scored once more.
_RESCORED = 3


@dataclass(frozen=True)
class Round:
    """What a round found, all with the weights of its moment.

    Attributes:
        number: from 0, the random rounds included.
        best: highest reward of its episodes.
        mean: mean reward of its episodes.
        incumbent: score of the structure that leads after it, on all reward images.
        decoder_error: mean squared error of decoded rewards, mean over the round's updates;
            None in random rounds.
    """

    number: int
    best: float
    mean: float
    incumbent: float
    decoder_error: float | None


class Rounds:
    """Agent, representation and the structure that leads, round by round.

    The structure that leads is scored anew in every round, with the weights of the moment: a
    reward of an earlier round was earned by other weights, and later ones win by themselves
    (docs/algorithms.md#defects-of-the-reproduction). What the agent learns from is how far an
    episode is from it: which widths are better than others changes with the weights, and is all
    that z has to tell; that all rewards rise is nothing to act on.

    The best three of a round that keep the budget are scored once more, on all reward images,
    and the lead changes where one of them is ahead by more than chance.

    Args:
        problem: what is pruned.
        scorer: scores structures with the weights of the moment.
        schedule: how much is done in a round.
        seed: fixes all random choices.
        first: the first episode's widths, where given: a plain structure to be beaten.
        use_z: False hides z from the agent, to see what it is worth.

    Attributes:
        incumbent: the structure that leads; None before the first round.
        done: what every round found.
    """

    def __init__(
        self,
        problem: SearchProblem,
        scorer: Scorer,
        schedule: JointSchedule,
        seed: int,
        *,
        first: Widths | None = None,
        use_z: bool = True,
    ) -> None:
        self._problem, self._scorer, self._schedule = problem, scorer, schedule
        self._walk = Walk(problem)
        self._rng = np.random.default_rng([seed, 3])
        size = self._walk.state_size
        with_seed = np.random.default_rng([seed, 4]).integers(2**31)
        self.representation = _seeded(schedule.rounds, size, int(with_seed))
        self.agent = Agent(size, self.representation.size, seed, use_z=use_z)
        self._first = first
        self.incumbent: Widths | None = None
        self.done: list[Round] = []
        self.agent.look(self.representation.table())

    def fill(self) -> Round:
        """A round of random episodes: it fills the replay buffer."""
        return self._run(lambda state, low, high: float(self._rng.uniform(low, high)), learn=False)

    def joint(self) -> Round:
        """A round of the agent: episodes, then the representation learns, then the agent."""
        number = len(self.done)
        return self._run(
            lambda state, low, high: self.agent.act(state, number, explore=True), learn=True
        )

    def saved(self) -> dict[str, Any]:
        """All that the rounds to come depend on."""
        return {
            "representation": self.representation.saved(),
            "agent": self.agent.saved(),
            "rng": rng_state(self._rng),
            "incumbent": self.incumbent,
            "done": [asdict(one) for one in self.done],
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go on where `saved` was called."""
        self.representation.restore(state["representation"])
        self.agent.restore(state["agent"])
        self.agent.look(self.representation.table())
        self._rng = rng_from_state(state["rng"])
        self.incumbent = state["incumbent"]
        self.done = [Round(**one) for one in state["done"]]

    def _run(self, policy: Policy, *, learn: bool) -> Round:
        number = len(self.done)
        self.representation.begin(number)
        self.agent.look(self.representation.table())
        lead = None if self.incumbent is None else self._scorer.score(self.incumbent)
        episodes: list[tuple[Episode, float]] = []
        for turn in range(self._schedule.episodes):
            opening = self._first if number == turn == 0 else None
            episode = self._walk.act(policy if opening is None else self._walk.towards(opening))
            reward = self._scorer.score(episode.widths)
            lead = reward if lead is None else lead  # the first episode is all there is yet
            self.agent.remember(episode.states, episode.actions, reward - lead, number)
            episodes.append((episode, reward))
        held = self._lead(episodes)
        error = self._learn() if learn else None
        rewards = [reward for _, reward in episodes]
        found = Round(number, max(rewards), float(np.mean(rewards)), held, error)
        self.done.append(found)
        return found

    def _lead(self, episodes: Sequence[tuple[Episode, float]]) -> float:
        """Let the best structure that keeps the budget lead; its score on all reward images.

        Before there is one, the best of all leads, budget or not.
        """
        fitting = [pair for pair in episodes if self._problem.fits(pair[0].widths)]
        if not fitting and self.incumbent is not None:
            return self._scorer.score_well(self.incumbent)
        best = sorted(fitting or episodes, key=lambda pair: -pair[1])[:_RESCORED]
        scores = [self._scorer.score_well(episode.widths) for episode, _ in best]
        first = int(np.argmax(scores))
        # What it is measured to take may have shown that it does not keep the budget.
        if self.incumbent is not None and self._problem.fits(self.incumbent):
            held = self._scorer.score_well(self.incumbent)
            if scores[first] <= held + self._scorer.chance(held):
                return held
        self.incumbent = best[first][0].widths
        return scores[first]

    def _learn(self) -> float:
        errors = [
            self.representation.learn(self._steps()) for _ in range(self._schedule.decoder_updates)
        ]
        self.agent.look(self.representation.table())
        self.agent.learn(self._schedule.agent_updates)
        return float(np.mean(errors)) if errors else 0.0

    def _steps(self) -> Steps:
        return self.agent.replay.steps(_BATCH)


def _seeded(rounds: int, state_size: int, seed: int) -> Representation:
    with isolated(seed):
        return Representation(rounds, state_size)

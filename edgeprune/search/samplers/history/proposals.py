"""Candidates for the next trial: draws around an actor, and variations of the best plans so far."""

from collections.abc import Sequence
from functools import partial

import numpy as np

from edgeprune.search.fitting import asked_ratios, fit_to_budget
from edgeprune.search.problem import Key, SearchProblem, Widths
from edgeprune.search.samplers.amc.episode import Episode
from edgeprune.search.samplers.amc.sampler import truncated_normal
from edgeprune.search.samplers.history.agent import Actor, elite
from edgeprune.search.samplers.history.options import HistoryOptions
from edgeprune.search.samplers.history.transfer_walk import TransferWalk, source_episodes
from edgeprune.search.sources import Floats, SourceRun

#: Share of a plan's groups that a variation changes, and the deviation of the logarithm of their
#: keep ratios.
_CHANGED, _CHANGE = 0.3, 0.3
#: Own trials below which the actor is regressed on earlier searches alone.
_FEWEST_OWN = 10


class Proposals:
    """Candidates that meet the budget and do not fill it: filling 32 would outlast a trial.

    Args:
        problem: what is searched.
        options: how many candidates, how they are drawn.
        seed: fixes the actor's weights.
    """

    def __init__(self, problem: SearchProblem, options: HistoryOptions, seed: int) -> None:
        self._problem, self._options, self._seed = problem, options, seed
        self._walk = TransferWalk(problem)
        self._taught: list[Episode] = []
        self._actor: tuple[tuple[int, ...], Actor] | None = None

    def teach(self, source: SourceRun) -> None:
        """Regress the actor on an earlier search's best plans as well."""
        rows = elite(source.rewards, source.costs, source.budget)
        self._taught += source_episodes(source, self._problem.feature_names, rows)

    def drawn(
        self, rng: np.random.Generator, ratios: Floats, rewards: Floats, costs: Floats
    ) -> list[Widths]:
        """Draws around the actor, the first without noise; untaught, random ones.

        Args:
            rng: draws.
            ratios: of this search's trials: (trials, groups).
            rewards: (trials,).
            costs: measured latency ratios (trials,).
        """
        agent = bool(self._taught) and self._options.proposer == "agent"
        actor = self._regressed(ratios, rewards, costs) if agent else None
        found: dict[Key, Widths] = {}
        for number in range(self._options.proposals):
            if actor is None:
                policy = partial(_anywhere, rng)
            else:
                noise = self._options.transferred_noise if number else 0.0
                policy = partial(_around, rng, actor, noise)
            asked = asked_ratios(self._problem, self._walk.act(policy))
            widths = fit_to_budget(self._problem, asked, fill=False)
            found[self._problem.key(widths)] = widths
        return list(found.values())

    def varied(self, rng: np.random.Generator, parents: Sequence[Floats]) -> list[Widths]:
        """Plans that differ from these, keep ratios (groups,), in some groups."""
        found = []
        for place in range(self._options.variations if parents else 0):
            ratios = parents[place % len(parents)]
            changed = rng.uniform(size=len(ratios)) < _CHANGED
            ratios = ratios * np.exp(_CHANGE * changed * rng.standard_normal(len(ratios)))
            named = dict(zip(self._problem.groups, map(float, ratios), strict=True))
            found.append(fit_to_budget(self._problem, named, fill=False))
        return found

    def _regressed(self, ratios: Floats, rewards: Floats, costs: Floats) -> Actor:
        """The actor, regressed anew when the best of this search's own plans are others."""
        rows: list[int] = []
        if len(rewards) >= _FEWEST_OWN:
            rows = elite(rewards, costs, self._problem.target)
        if self._actor is None or self._actor[0] != tuple(rows):
            own = [self._walk.retrace(ratios[row], float(costs[row])) for row in rows]
            self._actor = tuple(rows), Actor([*self._taught, *own], self._seed)
        return self._actor[1]


def _around(rng: np.random.Generator, actor: Actor, noise: float, state: np.ndarray) -> float:
    centre = actor.act(state)
    return truncated_normal(rng, centre, noise) if noise else centre


def _anywhere(rng: np.random.Generator, state: np.ndarray) -> float:
    return float(rng.uniform())

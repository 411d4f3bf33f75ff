"""Episodes whose states mean the same in every network, so that what was learned moves over."""

from collections.abc import Callable, Sequence

import numpy as np

from edgeprune.search.problem import SearchProblem
from edgeprune.search.samplers.amc.episode import Episode
from edgeprune.search.sources import Floats, SourceRun, column

#: Bumps over the relative depth: they tell groups apart, as AMC's index does, in any network.
_BUMPS = 16
#: Run-time inputs behind the static ones: the target ratio, MACs removed so far, MACs of the
#: groups to come (both as shares of all groups'), and the keep ratio of the group before.
RUNTIME_INPUTS = ("goal", "reduced", "rest", "previous")


class Features:
    """The static inputs of one network's groups.

    Args:
        wanted: the columns an agent sees; those the network lacks are 0.
        names: columns of `features`.
        features: (groups, columns), unscaled.

    Attributes:
        static: (groups, inputs): each column scaled to 0..1 over the groups, and the bumps.
        shares: (groups,) of the MACs; equal where they are not known.
    """

    def __init__(self, wanted: tuple[str, ...], names: tuple[str, ...], features: Floats) -> None:
        groups = len(features)
        columns = [_scaled(column(names, features, name), groups) for name in wanted]
        depth = (np.arange(groups) + 0.5) / groups
        centres = (np.arange(_BUMPS) + 0.5) / _BUMPS
        bumps = np.exp(-0.5 * ((depth[:, None] - centres) * _BUMPS) ** 2)
        self.static = np.column_stack([*columns, bumps])
        macs = column(names, features, "macs")
        known = macs is not None and macs.min() >= 0 and macs.sum() > 0
        self.shares = (
            macs / macs.sum() if known and macs is not None else np.full(groups, 1 / groups)
        )

    def state(self, index: int, goal: float, ratios: Floats) -> np.ndarray:
        """What the agent sees at a group.

        Args:
            index: of the group.
            goal: the target ratio of the episode.
            ratios: keep ratios of the groups before, or of all.

        Returns:
            float32 (inputs,).
        """
        reduced = float(self.shares[:index] @ (1 - ratios[:index]))
        rest = float(self.shares[index + 1 :].sum())
        previous = float(ratios[index - 1]) if index else 1.0
        return np.concatenate([self.static[index], (goal, reduced, rest, previous)]).astype(
            np.float32
        )

    def episode(self, ratios: Floats, goal: float) -> Episode:
        """The episode of applied keep ratios.

        Args:
            ratios: of all groups.
            goal: the cost that they reached.
        """
        states = [self.state(index, goal, ratios) for index in range(len(ratios))]
        return Episode(np.stack(states), ratios.tolist(), {})


class TransferWalk:
    """Passes over the groups, with states that do not depend on a network's depth or names.

    Args:
        problem: what is searched.
    """

    def __init__(self, problem: SearchProblem) -> None:
        self._problem = problem
        self._features = Features(
            problem.feature_names, problem.feature_names, np.asarray(problem.features, np.float64)
        )

    def act(self, policy: Callable[[np.ndarray], float]) -> dict[str, float]:
        """Keep ratios that a policy chooses, group after group."""
        ratios = np.ones(len(self._problem.groups))
        for index in range(len(ratios)):
            ratios[index] = policy(self._features.state(index, self._problem.target, ratios))
        return dict(zip(self._problem.groups, ratios.tolist(), strict=True))

    def retrace(self, ratios: Floats, cost: float) -> Episode:
        """The episode of keep ratios that were evaluated, with the cost that they reached."""
        return self._features.episode(ratios, cost)


def source_episodes(
    source: SourceRun, wanted: tuple[str, ...], rows: Sequence[int]
) -> list[Episode]:
    """Trials of a source as episodes: its applied keep ratios with the cost that they reached.

    The goal in the states is the latency ratio that was reached, not the one that was asked for:
    a candidate that came out at 0.62 is a sound example of how to reach 0.62 (hindsight
    relabelling, Andrychowicz et al., NeurIPS 2017). What an agent asked for before it was brought
    to the budget did not reach that cost, so the actions are the ratios that were applied.

    Args:
        source: cleaned.
        wanted: the columns the agent sees.
        rows: places of the trials.
    """
    features = Features(wanted, source.feature_names, source.features)
    return [features.episode(source.ratios[row], float(source.costs[row])) for row in rows]


def _scaled(values: Floats | None, groups: int) -> Floats:
    if values is None:
        return np.zeros(groups)
    span = float(np.ptp(values))
    return np.asarray((values - values.min()) / (span if span > 0 else 1.0))

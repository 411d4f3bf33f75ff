"""Episodes whose states mean the same in every network, so that what was learned moves over."""

from collections.abc import Callable

import numpy as np

from edgeprune.search.problem import SearchProblem, Widths
from edgeprune.search.samplers.amc.episode import Episode
from edgeprune.search.sources import Floats, SourceRun, column
from edgeprune.search.wall import largest_width

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


class TransferWalk:
    """As `amc_episode.Walk`, with states that do not depend on a network's depth or names.

    Args:
        problem: what is searched.
    """

    def __init__(self, problem: SearchProblem) -> None:
        self._problem = problem
        self._features = Features(
            problem.feature_names, problem.feature_names, np.asarray(problem.features, np.float64)
        )

    @property
    def state_size(self) -> int:
        """Length of an observation."""
        return int(self._features.static.shape[1]) + len(RUNTIME_INPUTS)

    def act(self, policy: Callable[[np.ndarray], float], *, wall: bool) -> Episode:
        """Let a policy choose; see `amc_episode.Walk.act`."""
        problem = self._problem
        widths: Widths = dict(problem.smallest)
        ratios = np.ones(len(problem.groups))
        states, actions = [], []
        for index, group in enumerate(problem.groups):
            state = self._features.state(index, problem.target, ratios)
            action = policy(state)
            width = problem.nearest_open(group, action * problem.full[group], widths)
            if wall:
                width = min(width, largest_width(problem, widths, group))
            widths[group] = width
            ratios[index] = width / problem.full[group]
            states.append(state)
            actions.append(action)
        return Episode(np.stack(states), actions, widths)

    def retrace(self, widths: Widths) -> Episode:
        """The episode that leads to given widths: each action is the group's keep ratio."""
        kept = iter([widths[group] / self._problem.full[group] for group in self._problem.groups])
        return self.act(lambda state: next(kept), wall=False)


def source_episodes(source: SourceRun, wanted: tuple[str, ...]) -> list[Episode]:
    """All transitions of a source, made again from its raw actions.

    The goal in the states is the latency ratio that was reached, not the one that was asked for:
    a candidate that came out at 0.62 is a sound example of how to reach 0.62 (hindsight
    relabelling, Andrychowicz et al., NeurIPS 2017).

    Args:
        source: cleaned.
        wanted: the columns the agent sees.
    """
    features = Features(wanted, source.feature_names, source.features)
    episodes = []
    for ratios, actions, cost in zip(source.ratios, source.actions, source.costs, strict=True):
        states = [features.state(index, float(cost), ratios) for index in range(len(ratios))]
        episodes.append(Episode(np.stack(states), actions.tolist(), {}))
    return episodes


def _scaled(values: Floats | None, groups: int) -> Floats:
    if values is None:
        return np.zeros(groups)
    span = float(np.ptp(values))
    return np.asarray((values - values.min()) / (span if span > 0 else 1.0))

"""When BOCR unties its clusters, and what is searched then."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray

from edgeprune.search.samplers.bocr.clusters import Clustering, Floats, Labels
from edgeprune.search.samplers.bocr.history import History
from edgeprune.search.samplers.bocr.options import BocrOptions


@dataclass(frozen=True)
class Stage:
    """What is searched between two rollbacks.

    Attributes:
        labels: cluster of every group.
        lower: smallest keep ratio of each group, float64 (groups,).
        upper: largest one.
        since: evaluations when it began.
    """

    labels: Labels
    lower: Floats
    upper: Floats
    since: int = 0

    @property
    def clusters(self) -> int:
        """Number of variables."""
        return int(self.labels.max()) + 1

    def tie(self, ratios: Floats) -> Floats:
        """One value for each cluster: the mean over its groups.

        BOCR takes a cluster's first group; for tied groups both are the same but for rounding,
        and points of other searches, which are not tied, are described better.

        Args:
            ratios: float64 (points, groups).

        Returns:
            float64 (points, clusters): as many rows as came in.
        """
        members = self.labels[:, None] == np.arange(self.clusters)
        return np.asarray(ratios @ (members / members.sum(axis=0)))

    def unit(self, ratios: Floats) -> Floats:
        """Points of the unit cube that stand for these ratios, float64 (points, clusters).

        Args:
            ratios: float64 (points, groups); what lies outside of the bounds is moved to them.
        """
        span = self.upper - self.lower
        inside = np.where(span > 0, (ratios - self.lower) / np.where(span > 0, span, 1), 0.0)
        return np.clip(self.tie(inside), 0, 1)

    def to_state(self) -> dict[str, Any]:
        """Tensors and numbers."""
        arrays = {"labels": self.labels, "lower": self.lower, "upper": self.upper}
        return {**{k: torch.from_numpy(v.copy()) for k, v in arrays.items()}, "since": self.since}

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Self:
        """What `to_state` was called on."""
        arrays = {name: state[name].numpy() for name in ("labels", "lower", "upper")}
        return cls(**arrays, since=state["since"])


@dataclass(frozen=True)
class Rollback:
    """One planned untying.

    Attributes:
        clusters: how many there are afterwards.
        armed: evaluations before which it does not happen.
        fires: evaluations at which it happens in any case.
        patience: evaluations without a better reward that bring it on.
    """

    clusters: int
    armed: int
    fires: int
    patience: int

    def due(self, rewards: Floats, since: int) -> bool:
        """Whether it is time.

        Args:
            rewards: of all evaluations, oldest first.
            since: evaluations when the present stage began; patience counts from there at most.
        """
        count = len(rewards)
        if count < self.armed or not count:
            return False
        stale = count - max(int(np.argmax(rewards)) + 1, since)
        return count >= self.fires or stale >= self.patience


def planned(options: BocrOptions, groups: int) -> list[Rollback]:
    """The rollbacks of one search, in order.

    Args:
        options: resolved ones.
        groups: number of channel groups.
    """
    patience = options.patience or 1
    first = (options.armed or 1, options.fires or 1, patience)
    second = (options.second_armed or 1, options.second_fires or 1, patience)
    if options.rollback == "none" or options.clusters >= groups:
        return []
    if options.rollback == "direct":
        return [Rollback(groups, *first)]
    bridge = max(options.bridge_clusters, options.clusters)
    return [Rollback(min(bridge, groups), *first), Rollback(groups, *second)]


def elites(history: History, target: float, options: BocrOptions) -> NDArray[np.int64]:
    """Rows of the best policies near the budget, best first.

    Where none is that near, as with coarse widths, the best below the budget are taken.

    Args:
        history: all evaluated points with their costs, measured ones where there are any.
        target: the budget.
        options: `elites` and `elite_tolerance`.

    Returns:
        At most `elites` row numbers; none where nothing is within the budget.
    """
    within = history.costs <= target + options.elite_tolerance
    near = within & (history.costs >= target - options.elite_tolerance)
    rows = np.flatnonzero(near if near.any() else within)
    best = np.argsort(-history.rewards[rows], kind="stable")[: options.elites]
    return np.asarray(rows[best])


def rolled_back(
    rollback: Rollback,
    stage: Stage,
    clustering: Clustering,
    history: History,
    best: NDArray[np.int64],
    since: int,
    options: BocrOptions,
) -> Stage:
    """The stage after a rollback: more variables, and other bounds.

    Args:
        rollback: the one that is due.
        stage: the first one, with the problem's own bounds.
        clustering: the dendrogram.
        history: all evaluated points.
        best: rows of the elites; with none the bounds stay.
        since: evaluations so far.
        options: what sets the bounds.
    """
    lower, upper = stage.lower, stage.upper
    if len(best) and options.bounds != "problem":
        ratios = history.ratios[best]
        axis = 0 if options.bounds == "elites_per_group" else None
        # One pair for all groups can lie outside of what a group allows.
        lower = np.clip(ratios.min(axis=axis), stage.lower, stage.upper)
        upper = np.clip(ratios.max(axis=axis), stage.lower, stage.upper)
    return Stage(clustering.labels(rollback.clusters), lower, upper, since)

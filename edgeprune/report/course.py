"""How a search or a training went, as plain data: clusters, earlier searches, joint epochs."""

from dataclasses import dataclass

from edgeprune.report.fields import EXACT, Count, Finite, NotNegative, Share


@dataclass(frozen=True)
class Clusters:
    """What the search tied together, from one number of trials on.

    Attributes:
        since: trials before.
        groups: the cluster of every group, from 0.
    """

    __pydantic_config__ = EXACT

    since: Count
    groups: dict[str, Count]

    @property
    def count(self) -> int:
        """How many clusters there are."""
        return len(set(self.groups.values()))

    @property
    def members(self) -> list[list[str]]:
        """The groups of each cluster, clusters of several groups only."""
        found: dict[int, list[str]] = {}
        for name, cluster in self.groups.items():
            found.setdefault(cluster, []).append(name)
        return [names for names in found.values() if len(names) > 1]


@dataclass(frozen=True)
class Past:
    """What earlier searches contributed.

    Attributes:
        sources: their names.
        source_trials: trials of all of them.
        trials: of this search.
        reused: how many of those were not measured again.
        trusted: how many of the sources were in use to the end; None where nothing judges them.
        predicted: how many rewards were predicted.
        error: mean absolute error of those predictions, in units of the reward.
        rank: rank correlation of predictions and rewards.
    """

    __pydantic_config__ = EXACT

    sources: tuple[str, ...]
    source_trials: Count
    trials: Count
    reused: Count
    predicted: Count
    trusted: Count | None = None
    error: NotNegative | None = None
    rank: Finite | None = None


@dataclass(frozen=True)
class JointEpoch:
    """The network after an epoch of training and pruning together.

    Attributes:
        epoch: from 0.
        dense: accuracy of the whole network on the reward images.
        pruned: that of the structure that leads, with the same weights; None before there is one.
        tried: mean of the structures that the agent tried then; None where it had no turn.
        to_cut: sum of the norms of the weights that are to be cut.
        decoder_error: mean squared error of the rewards that the agent's view of the training
            explains; None where the agent had no turn.
    """

    __pydantic_config__ = EXACT

    epoch: Count
    dense: Share
    pruned: Share | None = None
    tried: Share | None = None
    to_cut: NotNegative | None = None
    decoder_error: NotNegative | None = None

"""What a search knows of the model and the device: groups, choices, cost and budget."""

from bisect import bisect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np

from edgeprune.errors import SearchError, nearest
from edgeprune.search.outcome import Outcome
from edgeprune.search.sources import SourceRun

Widths = dict[str, int]
#: Kept channels in the order of `SearchProblem.groups`: the identity of a candidate.
Key = tuple[int, ...]


def _ignore(widths: Widths, outcome: Outcome) -> None:
    """Learn nothing from an outcome: the cost is exact."""


@dataclass(frozen=True)
class SearchProblem:
    """One pruning problem, free of models, devices and data.

    Attributes:
        groups: names of the groups that may be cut, in the order of the network.
        choices: allowed widths of each group, ascending; the last is the full width.
        features: float64 (groups, features), the static part of what an agent sees.
        feature_names: names of the columns of `features`.
        macs: multiply-accumulates of a candidate.
        cost: estimate of the budgeted quantity as a ratio to the base model; it must not fall
            when a group gets wider.
        target: largest allowed cost.
        observe: told every outcome, so that `cost` can improve during the search.
        scores: unscaled importance of each group's units, for samplers that compare groups by it.
        sources: earlier searches, for samplers that learn from them.
        above: how much of a group lies above so many standard deviations of its weights, in the
            unit of `choices`; where single weights are pruned.
        complete: the widths within a cost that are nowhere wider than given ones, as a method
            without search would choose them; None: all groups are scaled alike.
        exact: the budget is on `cost` itself, such as a size; measured latency says nothing of it.
    """

    groups: tuple[str, ...]
    choices: Mapping[str, Sequence[int]]
    features: np.ndarray
    feature_names: tuple[str, ...]
    macs: Callable[[Widths], float]
    cost: Callable[[Widths], float]
    target: float
    observe: Callable[[Widths, Outcome], None] = _ignore
    scores: Mapping[str, np.ndarray] | None = None
    above: Callable[[str, float], float] | None = None
    complete: Callable[[Widths, float], Widths] | None = None
    exact: bool = False
    sources: tuple[SourceRun, ...] = ()

    def __post_init__(self) -> None:
        if not self.groups:
            msg = "nothing can be searched: no channel group may be cut"
            raise SearchError(msg)
        if self.features.shape != (len(self.groups), len(self.feature_names)):
            msg = (
                f"features have shape {self.features.shape}, expected "
                f"{(len(self.groups), len(self.feature_names))} (groups, feature names)"
            )
            raise SearchError(msg)
        for group in self.groups:
            choices = list(self.choices.get(group, ()))
            if not choices or choices != sorted(set(choices)) or choices[0] < 1:
                msg = f"choices of group {group!r} must be positive and ascending, got {choices}"
                raise SearchError(msg)
        if not 0 < self.target < float("inf"):
            msg = f"the budget must be a positive ratio to the base model, got {self.target}"
            raise SearchError(msg)

    @cached_property
    def smallest(self) -> Widths:
        """Every group at its smallest allowed width."""
        return {group: self.choices[group][0] for group in self.groups}

    @cached_property
    def full(self) -> Widths:
        """Every group at its full width: the base model."""
        return {group: self.choices[group][-1] for group in self.groups}

    @cached_property
    def _middles(self) -> dict[str, list[float]]:
        return {
            group: [(a + b) / 2 for a, b in pairwise(choices)]
            for group, choices in ((group, self.choices[group]) for group in self.groups)
        }

    def nearest_choice(self, group: str, width: float) -> int:
        """The allowed width of `group` that is nearest to `width`; the wider one of two."""
        return self.choices[group][bisect(self._middles[group], width)]

    def fits(self, widths: Widths) -> bool:
        """Whether the estimated cost is within the budget."""
        return self.cost(widths) <= self.target

    def key(self, widths: Mapping[str, int]) -> Key:
        """The identity of a candidate."""
        return tuple(widths[group] for group in self.groups)

    def check(self, widths: Mapping[str, int]) -> Widths:
        """Complete, allowed widths in the order of the groups.

        Raises:
            SearchError: a group is missing or unknown, or its width is not allowed.
        """
        for group in widths:
            if group not in self.choices:
                msg = f"unknown channel group {group!r}{nearest(group, self.groups)}"
                raise SearchError(msg)
        for group in self.groups:
            if group not in widths:
                msg = f"widths lack channel group {group!r}"
                raise SearchError(msg)
            if widths[group] not in self.choices[group]:
                close = self.nearest_choice(group, widths[group])
                msg = f"group {group!r} cannot have {widths[group]} channels; nearest is {close}"
                raise SearchError(msg)
        return {group: int(widths[group]) for group in self.groups}

"""What a search knows of the model and the device: groups, choices, cost and budget."""

from bisect import bisect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise
from operator import itemgetter
from typing import Self

import numpy as np

from edgeprune.errors import SearchError, nearest
from edgeprune.search.outcome import Outcome
from edgeprune.search.problem_checks import check_branches, check_choices, check_curves
from edgeprune.search.promise import WORTHS
from edgeprune.search.several import OfSeveral, values
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
        choices: allowed widths of each group, ascending; the last is the full width. The first
            may be 0 where the group is in a branch: at width 0 the branch goes.
        features: float64 (groups, features), the static part of what an agent sees.
        feature_names: names of the columns of `features`.
        macs: multiply-accumulates of a candidate.
        cost: estimate of the budgeted quantity as a ratio to the base model, of tied widths. It
            rises with width but for small steps back, such as those of a kernel's staircase. One
            that is quicker for several plans at once is `OfSeveral`, and so may `macs` be.
        target: largest allowed cost.
        observe: told every outcome, so that `cost` can improve during the search.
        scores: unscaled importance of each group's units, for samplers that compare groups by it.
        sources: earlier searches, for samplers that learn from them.
        above: how much of a group lies above so many standard deviations of its weights, in the
            unit of `choices`; where single weights are pruned.
        complete: the widths within a cost that are nowhere wider than given ones, as a method
            without search would choose them; None: all groups are scaled alike.
        by_threshold: the widths within a cost where what lies below a common threshold, times a
            factor of each group, goes; where single weights are pruned.
        exact: the budget is on `cost` itself, such as a size; measured latency says nothing of it.
        branches: groups that go to 0 together, each in the order of `groups`; every group with
            the choice 0 is in exactly one. The first group decides, see `tied`.
        curves: per group the loss of cutting it alone to each of its `choices`, finite and
            positive; 0 at the full width, not rising with width (width 0 aside: removing may hurt
            less than a few channels left). The loss of removing a branch stands at width 0 of its
            first group, its others have 0 there, so that the sum over tied widths counts it once.
        worths: what capacity is worth beside a reward, by several guesses (`promise`).
        shares: what widths take of each further budget, as a share of it; above 1 where it does
            not hold. Made by `holding`, which makes `cost` of all of them.
        first: the cost without them.
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
    by_threshold: Callable[[Mapping[str, float], float], Widths] | None = None
    exact: bool = False
    sources: tuple[SourceRun, ...] = ()
    branches: tuple[tuple[str, ...], ...] = ()
    curves: Mapping[str, Sequence[float]] | None = None
    worths: tuple[float, ...] = WORTHS
    shares: tuple[Callable[[Widths], float], ...] = ()
    first: Callable[[Widths], float] | None = None

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
        check_choices(self.groups, self.choices)
        check_branches(self.groups, self.choices, self.branches)
        if self.curves is not None:
            check_curves(self.groups, self.choices, self.branches, self.curves)
        if not 0 < self.target < float("inf"):
            msg = f"the budget must be a positive ratio to the base model, got {self.target}"
            raise SearchError(msg)

    def holding(self, *shares: Callable[[Widths], float]) -> Self:
        """This problem with further budgets: its cost is the largest of all, each to its own limit.

        Args:
            shares: of each further budget, what widths take of it; rises with width.
        """
        if not shares:
            return self
        first, target = self.first or self.cost, self.target
        together = (*self.shares, *shares)

        def cost(widths: Widths) -> float:
            return max(first(widths), *(target * share(widths) for share in together))

        return replace(self, cost=cost, first=first, shares=together)

    def at(self, target: float) -> Self:
        """This problem with another target; further budgets stay where they are."""
        if self.first is None:
            return replace(self, target=target)
        alone = replace(self, cost=self.first, first=None, shares=(), target=target)
        return alone.holding(*self.shares)

    def costs(self, widths: Widths) -> tuple[float, ...]:
        """What widths take of each budget by itself; within it where that is at most `target`."""
        return self.costs_of([widths])[0]

    def costs_of(self, plans: Sequence[Widths]) -> list[tuple[float, ...]]:
        """`costs` of several plans."""
        first = values(self.first or self.cost, plans)
        shares = ([self.target * one for one in values(share, plans)] for share in self.shares)
        return list(zip(first, *shares, strict=True))

    @property
    def at_once(self) -> bool:
        """Whether the costs of several plans take little longer than those of one."""
        return all(isinstance(one, OfSeveral) for one in (self.first or self.cost, *self.shares))

    @cached_property
    def smallest(self) -> Widths:
        """Every group at its smallest allowed width; all branches are gone."""
        return {group: self.choices[group][0] for group in self.groups}

    @cached_property
    def narrowest(self) -> Widths:
        """Every group at its smallest width above 0; all branches are kept."""
        return {group: self.kept_choices(group)[0] for group in self.groups}

    @cached_property
    def full(self) -> Widths:
        """Every group at its full width: the base model."""
        return {group: self.choices[group][-1] for group in self.groups}

    @cached_property
    def full_macs(self) -> float:
        """Multiply-accumulates of the base model."""
        return self.macs(self.full)

    @cached_property
    def branch_of(self) -> dict[str, tuple[str, ...]]:
        """The branch of each group that is in one."""
        return {group: branch for branch in self.branches for group in branch}

    @cached_property
    def _middles(self) -> dict[str, list[float]]:
        return {
            group: [(a + b) / 2 for a, b in pairwise(choices)]
            for group, choices in ((group, self.choices[group]) for group in self.groups)
        }

    def nearest_choice(self, group: str, width: float) -> int:
        """The allowed width of `group` that is nearest to `width`; the wider one of two."""
        return self.choices[group][bisect(self._middles[group], width)]

    def nearest_kept(self, group: str, width: float) -> int:
        """The allowed width above 0 that is nearest to `width`; the wider one of two."""
        return self.nearest_choice(group, width) or self.choices[group][1]

    def kept_choices(self, group: str) -> Sequence[int]:
        """The allowed widths above 0."""
        choices = self.choices[group]
        return choices if choices[0] else choices[1:]

    def open_choices(self, group: str, widths: Mapping[str, int]) -> Sequence[int]:
        """The widths that `group` may take where the groups before it are decided.

        All of its choices; inside a branch, only its first group may still decide on 0.

        Args:
            group: the one that is decided next.
            widths: holds at least the groups before it.
        """
        branch = self.branch_of.get(group)
        if branch is None or branch[0] == group:
            return self.choices[group]
        return self.kept_choices(group) if widths[branch[0]] else (0,)

    def nearest_open(self, group: str, width: float, widths: Mapping[str, int]) -> int:
        """The one of `open_choices` that is nearest to `width`."""
        choices = self.open_choices(group, widths)
        if len(choices) == len(self.choices[group]):
            return self.nearest_choice(group, width)
        return self.nearest_kept(group, width) if choices[0] else 0

    def tied(self, widths: Mapping[str, int]) -> Widths:
        """Widths whose zeros are consistent: a branch is there as a whole, or gone as a whole.

        It goes where its first group is 0. Otherwise it stays, and others of its groups that are
        0 get their smallest width above it.
        """
        found = dict(widths)
        for branch in self.branches:
            gone = found[branch[0]] == 0
            for group in branch[1:]:
                if gone:
                    found[group] = 0
                elif found[group] == 0:
                    found[group] = self.choices[group][1]
        return found

    def fits(self, widths: Widths) -> bool:
        """Whether the estimated cost is within the budget."""
        return self.cost(widths) <= self.target

    def key(self, widths: Mapping[str, int]) -> Key:
        """The identity of a candidate."""
        return self._key(widths)

    @cached_property
    def _key(self) -> Callable[[Mapping[str, int]], Key]:
        """Asked for hundreds of times in one allocation."""
        if len(self.groups) == 1:
            return lambda widths: (widths[self.groups[0]],)
        return itemgetter(*self.groups)

    def check(self, widths: Mapping[str, int]) -> Widths:
        """Complete, allowed widths in the order of the groups.

        Raises:
            SearchError: a group is missing or unknown, its width is not allowed, or only a part
                of a branch is 0.
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
        for branch in self.branches:
            zeros = [group for group in branch if widths[group] == 0]
            if zeros and len(zeros) < len(branch):
                kept = [group for group in branch if widths[group]]
                msg = (
                    f"group {zeros[0]!r} has width 0 but {kept[0]!r} of the same branch has "
                    f"{widths[kept[0]]}: a branch goes as a whole or stays as a whole"
                )
                raise SearchError(msg)
        return {group: int(widths[group]) for group in self.groups}

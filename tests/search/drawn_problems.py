"""Random pruning problems: any choices, branches and costs that a search promises to take."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise

import numpy as np
from hypothesis import strategies as st

from edgeprune.search import SearchProblem, Widths

#: Costs are whole multiples of it: sums of them are exact, so that equal costs are equal.
UNIT = 2.0**-12
_MOST_CHOICES = 5


@dataclass(frozen=True)
class DrawnGroup:
    """One channel group as it is drawn; of the lists as much is used as there are choices.

    Attributes:
        gaps: from each width to the next, the first from 0.
        branch: which branch it is in, if in one.
        steps: of the cost, from each choice to the next.
        falls: of the loss, from each width above 0 to the next.
        removal: loss at width 0.
        product: how much its width times its neighbour's costs.
        place: which of its choices the budget is made for.
    """

    gaps: list[int]
    branch: int | None
    steps: list[int]
    falls: list[int]
    removal: int
    product: int
    place: int

    @property
    def choices(self) -> tuple[int, ...]:
        """Allowed widths."""
        return (0,) * (self.branch is not None) + tuple(accumulate(self.gaps))

    @property
    def wanted(self) -> int:
        """The width that the budget is made for."""
        return self.choices[self.place % len(self.choices)]


def _numbers(least: int, most: int) -> st.SearchStrategy[list[int]]:
    count = _MOST_CHOICES + 1
    return st.lists(st.integers(least, most), min_size=count, max_size=count)


def _groups(least_step: int) -> st.SearchStrategy[list[DrawnGroup]]:
    group = st.builds(
        DrawnGroup,
        gaps=st.lists(st.integers(1, 9), min_size=1, max_size=_MOST_CHOICES),
        branch=st.sampled_from((None, 0, 1)),
        steps=_numbers(least_step, 30),
        falls=_numbers(0, 8),
        removal=st.integers(0, 40),
        product=st.integers(0, 2),
        place=st.integers(0, _MOST_CHOICES),
    )
    return st.lists(group, min_size=1, max_size=5)


def problems(
    *, monotone: bool = True, curves: bool | None = None
) -> st.SearchStrategy[SearchProblem]:
    """Problems, each with a cost of its own.

    Args:
        monotone: whether the cost never falls where a group gets wider; otherwise it takes small
            steps back, as a staircase of kernels does.
        curves: whether there are sensitivity curves; None: either way.
    """
    return st.builds(
        _problem,
        _groups(0 if monotone else -3),
        constant=st.integers(1, 40),
        slack=st.sampled_from((-UNIT, 0.0, 0.0, UNIT)),
        curves=st.booleans() if curves is None else st.just(curves),
    )


def keep_ratios_of(
    problem: SearchProblem, *, zeros: bool = True
) -> st.SearchStrategy[dict[str, float]]:
    """A wanted keep ratio of every group; 0 for those of some branches, if `zeros`."""
    shares = st.integers(1, 20).map(lambda part: part / 20)
    ratios = st.fixed_dictionaries(dict.fromkeys(problem.groups, shares))
    if not zeros or not problem.branches:
        return ratios
    gone = st.lists(st.sampled_from(problem.branches), unique=True)
    return st.builds(
        lambda found, parts: found | {group: 0.0 for part in parts for group in part}, ratios, gone
    )


def widths_of(problem: SearchProblem) -> st.SearchStrategy[Widths]:
    """Allowed widths, branches whole or gone."""
    return choices_of(problem).map(problem.tied)


def choices_of(problem: SearchProblem) -> st.SearchStrategy[Widths]:
    """A choice of every group, zeros anywhere."""
    return st.fixed_dictionaries(
        {group: st.sampled_from(problem.choices[group]) for group in problem.groups}
    )


def _problem(
    drawn: list[DrawnGroup], *, constant: int, slack: float, curves: bool
) -> SearchProblem:
    groups = {f"layer{place}": group for place, group in enumerate(drawn)}
    branches = tuple(
        tuple(name for name, group in groups.items() if group.branch == branch)
        for branch in sorted({group.branch for group in drawn if group.branch is not None})
    )
    cost = _cost(groups, constant)
    return SearchProblem(
        groups=tuple(groups),
        choices={name: group.choices for name, group in groups.items()},
        features=np.arange(len(groups), dtype=np.float64)[:, None],
        feature_names=("index",),
        macs=lambda widths: float(sum(widths.values())),
        cost=cost,
        # Just what some plan costs, or a little less or more: there a wrong comparison shows.
        target=max(cost({name: group.wanted for name, group in groups.items()}) + slack, UNIT / 2),
        branches=branches,
        curves=_curves(groups, branches) if curves else None,
    )


def _cost(groups: dict[str, DrawnGroup], constant: int) -> Callable[[Widths], float]:
    """A constant, a term of each group, and one of each pair of neighbours, as MACs have it."""
    terms = {
        name: dict(zip(group.choices, accumulate(group.steps), strict=False))
        for name, group in groups.items()
    }
    pairs = [(one, other, groups[one].product) for one, other in pairwise(groups)]

    def cost(widths: Widths) -> float:
        total = constant + sum(terms[name][widths[name]] for name in terms)
        total += sum(times * widths[one] * widths[other] for one, other, times in pairs)
        return UNIT * max(total, 1)

    return cost


def _curves(
    groups: dict[str, DrawnGroup], branches: Sequence[Sequence[str]]
) -> dict[str, list[float]]:
    """Losses that fall with width to 0 at the full one."""
    firsts = {branch[0] for branch in branches}
    curves = {}
    for name, group in groups.items():
        falls = group.falls[: len(group.gaps) - 1]
        curve = [float(loss) for loss in accumulate(falls, initial=0)][::-1]
        if group.branch is not None:
            curve = [float(group.removal if name in firsts else 0), *curve]
        curves[name] = curve
    return curves

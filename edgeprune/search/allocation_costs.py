"""The cost around one plan as a sum over groups: what the knapsack can work with."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from edgeprune.search.multiple_choice import Knob, Part, Solution, solve
from edgeprune.search.problem import Key, SearchProblem, Widths
from edgeprune.search.sources import Floats


class Costs:
    """The true cost, asked once for each plan.

    The problem's cost changes as outcomes come in: one of these serves one allocation.
    """

    def __init__(self, problem: SearchProblem) -> None:
        self._problem = problem
        self._known: dict[Key, float] = {}

    @property
    def asked(self) -> int:
        """How many different plans it has been asked of."""
        return len(self._known)

    def __call__(self, widths: Widths) -> float:
        """The cost of tied widths."""
        key = self._problem.key(widths)
        if key not in self._known:
            self._known[key] = self._problem.cost(widths)
        return self._known[key]


class Linearised:
    """The cost of changing one group, or one branch, of a plan: exact alone, summed for more.

    Args:
        problem: groups, choices and branches.
        costs: the true cost.
        losses: of each group at each of its choices.
        around: the plan.
        reference: widths that branches which are gone come back with.
        reach: how many choices up and down are open; None: all.
        samples: at most so many choices of a group are asked for; those between are interpolated.
    """

    def __init__(
        self,
        problem: SearchProblem,
        costs: Costs,
        losses: Mapping[str, Floats],
        around: Widths,
        reference: Widths,
        *,
        reach: int | None,
        samples: int,
    ) -> None:
        self._problem, self._costs, self._losses = problem, costs, losses
        self._reach, self._samples = reach, samples
        self.base = costs(around)
        #: Open choices of each group, in the order of the knobs.
        self._open: dict[str, list[int]] = {}
        self._groups: list[tuple[str, ...]] = []
        self._present: list[bool] = []
        self.parts: list[Part] = []
        for group in problem.groups:
            branch = problem.branch_of.get(group)
            if branch is not None and branch[0] != group:
                continue
            self._present.append(around[group] != 0)
            if branch is None:
                self._groups.append((group,))
                self.parts.append(Part((self._knob(group, around, self.base),)))
            else:
                self._groups.append(branch)
                self.parts.append(self._branch(branch, around, reference))

    def solve(self, target: float, flip: int | None = None) -> Widths:
        """The allocation within a cost, as far as the sum is right.

        Args:
            target: largest summed cost.
            flip: index of a part that is to be kept where it goes in `around`, or the other way.
        """
        parts = list(self.parts)
        if flip is not None:
            parts[flip] = replace(parts[flip], forced=not self._present[flip])
        return self._widths(solve(parts, target - self.base))

    def flips(self) -> list[int]:
        """Indices of the parts that can go."""
        return [index for index, part in enumerate(self.parts) if part.gone is not None]

    def _branch(self, branch: tuple[str, ...], around: Widths, reference: Widths) -> Part:
        there = around if around[branch[0]] else {**around, **{g: reference[g] for g in branch}}
        there_cost = self._costs(there)
        knobs = tuple(self._knob(group, there, there_cost) for group in branch)
        gone = self._costs({**around, **dict.fromkeys(branch, 0)}) - self.base
        loss = float(sum(self._losses[group][0] for group in branch))
        return Part(knobs, there_cost - self.base, (gone, loss))

    def _knob(self, group: str, around: Widths, cost: float) -> Knob:
        kept = list(self._problem.kept_choices(group))
        now = kept.index(around[group])
        reach = len(kept) if self._reach is None else self._reach
        first, last = max(0, now - reach), min(len(kept) - 1, now + reach)
        count = min(self._samples, last - first + 1)
        asked = sorted({now, *np.linspace(first, last, count).round().astype(int).tolist()})
        deltas = [self._costs({**around, group: kept[one]}) - cost for one in asked]
        open_choices = kept[first : last + 1]
        self._open[group] = open_choices
        skipped = len(self._problem.choices[group]) - len(kept)
        return Knob(
            np.interp(open_choices, [kept[one] for one in asked], deltas),
            np.asarray(self._losses[group][skipped + first : skipped + last + 1]),
        )

    def _widths(self, solution: Solution) -> Widths:
        found = {}
        for groups, chosen in zip(self._groups, solution, strict=True):
            places: Sequence[int | None] = chosen or [None] * len(groups)
            for group, place in zip(groups, places, strict=True):
                found[group] = 0 if place is None else self._open[group][place]
        return {group: found[group] for group in self._problem.groups}

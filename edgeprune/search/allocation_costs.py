"""Cost and loss around one plan as sums over groups: what the knapsack can work with."""

import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from edgeprune.search.multiple_choice import Knob, Part, Solution, solve
from edgeprune.search.problem import Key, SearchProblem, Widths


class Costs:
    """The true cost, asked once for each plan.

    The problem's cost changes as outcomes come in: one of these serves one allocation.
    """

    def __init__(self, problem: SearchProblem) -> None:
        self._problem = problem
        self._known: dict[Key, tuple[float, ...]] = {}

    @property
    def asked(self) -> int:
        """How many different plans it has been asked of."""
        return len(self._known)

    def __call__(self, widths: Widths) -> float:
        """The cost of tied widths."""
        return max(self.each(widths))

    def each(self, widths: Widths) -> tuple[float, ...]:
        """The costs of tied widths, one for each budget."""
        key = self._problem.key(widths)
        if key not in self._known:
            self._known[key] = self._problem.costs(widths)
        return self._known[key]

    def weighted(self, widths: Widths, weights: Sequence[float]) -> float:
        """The costs of all budgets as one sum."""
        return float(sum(map(operator.mul, weights, self.each(widths))))


class Linearised:
    """What changing one group, or one branch, of a plan does: exact alone, summed for more.

    Args:
        problem: groups, choices and branches.
        costs: the true costs.
        weights: of the budgets in the sum that takes the place of the largest cost; they add up
            to 1, so that it is within the target where all of them are.
        loss: the true loss.
        around: the plan.
        reference: widths that branches which are gone come back with.
        useful: widths of each group that are open, above 0; that of `around` is as well.
        reach: how many of them up and down are open; None: all.
    """

    def __init__(
        self,
        problem: SearchProblem,
        costs: Costs,
        weights: Sequence[float],
        loss: Callable[[Widths], float],
        around: Widths,
        reference: Widths,
        *,
        useful: Mapping[str, Sequence[int]],
        reach: int | None,
    ) -> None:
        self._problem, self._costs, self._weights, self._loss = problem, costs, weights, loss
        self._useful, self._reach = useful, reach
        self.base = costs.weighted(around, weights)
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
                self.parts.append(Part((self._knob(group, around),)))
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
        knobs = tuple(self._knob(group, there) for group in branch)
        return Part(
            knobs,
            kept=self._change(around, there),
            gone=self._change(around, {**around, **dict.fromkeys(branch, 0)}),
        )

    def _knob(self, group: str, around: Widths) -> Knob:
        widths = sorted({*self._useful[group], around[group]})
        if self._reach is not None:
            now = widths.index(around[group])
            widths = widths[max(0, now - self._reach) : now + self._reach + 1]
        self._open[group] = widths
        changes = [self._change(around, {**around, group: width}) for width in widths]
        costs, losses = np.array(changes, np.float64).T
        return Knob(costs, losses)

    def _change(self, before: Widths, after: Widths) -> tuple[float, float]:
        """What a change adds to cost and loss."""
        return (
            self._costs.weighted(after, self._weights)
            - self._costs.weighted(before, self._weights),
            self._loss(after) - self._loss(before),
        )

    def _widths(self, solution: Solution) -> Widths:
        found = {}
        for groups, chosen in zip(self._groups, solution, strict=True):
            places: Sequence[int | None] = chosen or [None] * len(groups)
            for group, place in zip(groups, places, strict=True):
                found[group] = 0 if place is None else self._open[group][place]
        return {group: found[group] for group in self._problem.groups}

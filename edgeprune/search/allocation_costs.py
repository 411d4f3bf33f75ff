"""Cost and loss around one plan as sums over groups: what the knapsack can work with."""

import operator
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np

from edgeprune.search.multiple_choice import Knob, Part, Solution, solve
from edgeprune.search.problem import Key, SearchProblem, Widths
from edgeprune.search.several import OfSeveral, values


class Costs:
    """The true cost and the MACs, found out once for each plan.

    The problem's cost changes as outcomes come in: one of these serves as long as none does.

    Args:
        problem: whose they are.
    """

    def __init__(self, problem: SearchProblem) -> None:
        self._problem = problem
        self._known: dict[Key, tuple[float, ...]] = {}
        self._macs: dict[Key, float] = {}
        self._asked: set[Key] = set()

    @property
    def asked(self) -> int:
        """How many different plans it has been asked of since `begin`."""
        return len(self._asked)

    def begin(self) -> None:
        """Count anew what is asked for."""
        self._asked.clear()

    def __call__(self, widths: Widths) -> float:
        """The cost of tied widths."""
        return max(self.each(widths))

    def each(self, widths: Widths) -> tuple[float, ...]:
        """The costs of tied widths, one for each budget."""
        key = self._problem.key(widths)
        self._asked.add(key)
        found = self._known.get(key)
        if found is None:
            found = self._known[key] = self._problem.costs(widths)
        return found

    def macs(self, widths: Widths) -> float:
        """Multiply-accumulates of tied widths."""
        key = self._problem.key(widths)
        found = self._macs.get(key)
        if found is None:
            found = self._macs[key] = self._problem.macs(widths)
        return found

    def expect(self, plans: Sequence[Widths]) -> None:
        """Find out at once what will be asked for next, where that is quicker.

        Args:
            plans: tied widths.
        """
        keyed = {self._problem.key(widths): widths for widths in plans}
        new = {key: widths for key, widths in keyed.items() if key not in self._known}
        if len(new) > 1 and self._problem.at_once:
            found = self._problem.costs_of(list(new.values()))
            self._known.update(zip(new, found, strict=True))
        new = {key: widths for key, widths in keyed.items() if key not in self._macs}
        if len(new) > 1 and isinstance(self._problem.macs, OfSeveral):
            macs = values(self._problem.macs, list(new.values()))
            self._macs.update(zip(new, macs, strict=True))

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
        #: Groups that are decided together, and the plan with all of them there.
        self._groups: list[tuple[str, ...]] = []
        there: list[Widths] = []
        for group in problem.groups:
            branch = problem.branch_of.get(group, (group,))
            if branch[0] == group:
                self._groups.append(branch)
                back = {} if around[group] else {one: reference[one] for one in branch}
                there.append({**around, **back})
        self._present = [around[groups[0]] != 0 for groups in self._groups]
        #: Open choices of each group, in the order of the knobs.
        self._open: dict[str, list[int]] = {}
        for groups, plan in zip(self._groups, there, strict=True):
            for group in groups:
                self._open[group] = _open(useful[group], plan[group], reach)
        costs.expect(list(self._plans(around, there)))
        self.base, self._base_loss = self._amounts(around)
        parts = zip(self._groups, there, strict=True)
        self.parts = [self._part(groups, around, plan) for groups, plan in parts]

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

    def _plans(self, around: Widths, there: Sequence[Widths]) -> Iterator[Widths]:
        """All plans that are looked at."""
        for groups, plan in zip(self._groups, there, strict=True):
            yield plan
            if groups[0] in self._problem.branch_of:
                yield {**around, **dict.fromkeys(groups, 0)}
            for group in groups:
                yield from ({**plan, group: width} for width in self._open[group])

    def _part(self, groups: tuple[str, ...], around: Widths, there: Widths) -> Part:
        if groups[0] not in self._problem.branch_of:
            return Part((self._knob(groups[0], around, (self.base, self._base_loss)),))
        now = self._amounts(there)
        return Part(
            tuple(self._knob(group, there, now) for group in groups),
            kept=self._change(there),
            gone=self._change({**around, **dict.fromkeys(groups, 0)}),
        )

    def _knob(self, group: str, around: Widths, now: tuple[float, float]) -> Knob:
        found = [self._amounts({**around, group: width}) for width in self._open[group]]
        costs, losses = (np.array(found, np.float64) - now).T
        return Knob(costs, losses)

    def _change(self, after: Widths) -> tuple[float, float]:
        """What a change adds to cost and loss."""
        cost, loss = self._amounts(after)
        return cost - self.base, loss - self._base_loss

    def _amounts(self, widths: Widths) -> tuple[float, float]:
        """Cost and loss of a plan."""
        return self._costs.weighted(widths, self._weights), self._loss(widths)

    def _widths(self, solution: Solution) -> Widths:
        found = {}
        for groups, chosen in zip(self._groups, solution, strict=True):
            places: Sequence[int | None] = chosen or [None] * len(groups)
            for group, place in zip(groups, places, strict=True):
                found[group] = 0 if place is None else self._open[group][place]
        return {group: found[group] for group in self._problem.groups}


def _open(useful: Sequence[int], now: int, reach: int | None) -> list[int]:
    """The useful widths, and the present one, within reach of it."""
    widths = sorted({*useful, now})
    if reach is None:
        return widths
    place = widths.index(now)
    return widths[max(0, place - reach) : place + reach + 1]

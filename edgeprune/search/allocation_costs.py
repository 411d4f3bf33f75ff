"""True costs of plans, and of what changes them, found out once for each."""

import operator
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np

from edgeprune.search.allocation_losses import capacity_of
from edgeprune.search.problem import Key, SearchProblem, Widths
from edgeprune.search.several import OfSeveral, values
from edgeprune.search.sources import Floats


class Costs:
    """The true cost and the capacity, found out once for each plan.

    The problem's cost changes as outcomes come in: one of these serves as long as none does.

    Args:
        problem: whose they are.
    """

    def __init__(self, problem: SearchProblem) -> None:
        self._problem = problem
        self._known: dict[Key, tuple[float, ...]] = {}
        self._capacities: dict[Key, float] = {}
        self._asked: set[Key] = set()
        self._changes: dict[tuple[object, ...], Changes] = {}

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

    def capacity(self, widths: Widths) -> float:
        """Of tied widths, see `capacity_of`."""
        key = self._problem.key(widths)
        found = self._capacities.get(key)
        if found is None:
            macs = self._problem.macs(widths)
            found = self._capacities[key] = capacity_of(self._problem, macs)
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
        new = {key: one for key, one in keyed.items() if key not in self._capacities}
        if len(new) > 1 and isinstance(self._problem.macs, OfSeveral):
            macs = values(self._problem.macs, list(new.values()))
            have = (capacity_of(self._problem, one) for one in macs)
            self._capacities.update(zip(new, have, strict=True))

    def changes(
        self,
        plan: Widths,
        reference: Widths,
        weights: Sequence[float],
        *,
        useful: Mapping[str, Sequence[int]],
        reach: int | None,
    ) -> "Changes":
        """What changing one group, or one branch, of a plan costs; losses that differ share it.

        Args:
            plan: tied widths.
            reference: widths that branches which are gone come back with.
            weights: of the budgets in the sum that takes the place of the largest cost; they add
                up to 1, so that it is within the target where all of them are.
            useful: widths of each group that are open, above 0; that of the plan is as well.
            reach: how many of them up and down are open; None: all.
        """
        back = {group: width or reference[group] for group, width in plan.items()}
        key = (self._problem.key(plan), self._problem.key(back), tuple(weights), reach)
        found = self._changes.get(key)
        if found is None:
            opened = {group: _open(useful[group], back[group], reach) for group in back}
            found = self._changes[key] = self._found(plan, back, weights, opened)
        self._asked |= found.asked  # known or not: equal allocations look at equally many
        return found

    def _found(
        self, plan: Widths, back: Widths, weights: Sequence[float], opened: dict[str, list[int]]
    ) -> "Changes":
        problem = self._problem
        parts = list(dict.fromkeys(problem.branch_of.get(one, (one,)) for one in problem.groups))
        there = [{**plan, **{one: back[one] for one in groups}} for groups in parts]
        gone = [
            {**plan, **dict.fromkeys(groups, 0)} if groups[0] in problem.branch_of else None
            for groups in parts
        ]
        knobs = {
            group: [whole, *({**whole, group: width} for width in opened[group])]
            for groups, whole in zip(parts, there, strict=True)
            for group in groups
        }
        looked_at = [*filter(None, gone), *chain(*knobs.values())]
        self.expect(looked_at)

        def cost(widths: Widths) -> float:
            return float(sum(map(operator.mul, weights, self.each(widths))))

        def relative(amounts: Iterable[float]) -> Floats:
            whole, *changed = amounts
            return np.array(changed, np.float64) - whole

        base = cost(plan)
        return Changes(
            plan=plan,
            cost=base,
            parts=parts,
            there=there,
            gone=gone,
            open=opened,
            costs={group: relative(map(cost, several)) for group, several in knobs.items()},
            capacities={
                group: relative(map(self.capacity, several)) for group, several in knobs.items()
            },
            part_costs=[
                (cost(whole) - base, 0.0 if without is None else cost(without) - base)
                for whole, without in zip(there, gone, strict=True)
            ],
            asked=frozenset(map(problem.key, looked_at)),
        )


@dataclass(frozen=True)
class Changes:
    """What changing one group, or one branch, of a plan costs.

    Attributes:
        plan: the plan.
        cost: its own.
        parts: groups that are decided together.
        there: by part, the plan with all of its groups there.
        gone: by part, the plan without them; None where they cannot go.
        open: choices of each group.
        costs: what each choice of a group adds to the cost of its part's plan ``there``.
        capacities: the same of what it has of capacity.
        part_costs: by part, what ``there`` and ``gone`` add to the plan's cost.
        asked: all plans that were looked at for it.
    """

    plan: Widths
    cost: float
    parts: list[tuple[str, ...]]
    there: list[Widths]
    gone: list[Widths | None]
    open: dict[str, list[int]]
    costs: dict[str, Floats]
    capacities: dict[str, Floats]
    part_costs: list[tuple[float, float]]
    asked: frozenset[Key]


def _open(useful: Sequence[int], now: int, reach: int | None) -> list[int]:
    """The useful widths, and the present one, within reach of it."""
    widths = sorted({*useful, now})
    if reach is None:
        return widths
    place = widths.index(now)
    return widths[max(0, place - reach) : place + reach + 1]

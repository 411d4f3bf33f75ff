"""Cost and loss around one plan as sums over groups: what the knapsack can work with."""

from collections.abc import Sequence
from dataclasses import replace

from edgeprune.search.allocation_costs import Changes
from edgeprune.search.allocation_losses import SummedLoss
from edgeprune.search.multiple_choice import Knob, Part, Solution, solve
from edgeprune.search.problem import Widths


class Linearised:
    """What changing one group, or one branch, of a plan does: exact alone, summed for more.

    Args:
        changes: of the plan, and what they cost.
        loss: the true loss.
    """

    def __init__(self, changes: Changes, loss: SummedLoss) -> None:
        self._changes, self._loss = changes, loss
        self._base_loss = loss(changes.plan)
        self.parts = [self._part(index) for index in range(len(changes.parts))]

    def solve(self, target: float, flip: int | None = None) -> Widths:
        """The allocation within a cost, as far as the sum is right.

        Args:
            target: largest summed cost.
            flip: index of a part that is to be kept where it goes in the plan, or the other way.
        """
        parts = list(self.parts)
        if flip is not None:
            goes = self._changes.plan[self._changes.parts[flip][0]] == 0
            parts[flip] = replace(parts[flip], forced=goes)
        return self._widths(solve(parts, target - self._changes.cost))

    def flips(self) -> list[int]:
        """Indices of the parts that can go."""
        return [index for index, part in enumerate(self.parts) if part.gone is not None]

    def _part(self, index: int) -> Part:
        changes = self._changes
        there, gone = changes.there[index], changes.gone[index]
        knobs = tuple(self._knob(group, there[group]) for group in changes.parts[index])
        if gone is None:
            return Part(knobs)
        kept_cost, gone_cost = changes.part_costs[index]
        return Part(
            knobs,
            kept=(kept_cost, self._loss(there) - self._base_loss),
            gone=(gone_cost, self._loss(gone) - self._base_loss),
        )

    def _knob(self, group: str, now: int) -> Knob:
        changes = self._changes
        losses = self._loss.of(group, changes.open[group], now)
        return Knob(changes.costs[group], losses - self._loss.worth * changes.capacities[group])

    def _widths(self, solution: Solution) -> Widths:
        found = dict(self._changes.plan)
        for groups, chosen in zip(self._changes.parts, solution, strict=True):
            places: Sequence[int | None] = chosen or [None] * len(groups)
            for group, place in zip(groups, places, strict=True):
                found[group] = 0 if place is None else self._changes.open[group][place]
        return found

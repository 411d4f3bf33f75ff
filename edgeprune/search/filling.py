"""Spending what a plan leaves of the budget: widths that are free, then what helps most."""

import heapq
from bisect import bisect
from collections.abc import Callable, Mapping, Sequence

from edgeprune.search.allocation_costs import Costs
from edgeprune.search.allocation_losses import SummedLoss
from edgeprune.search.problem import SearchProblem, Widths

#: What a plan takes of each budget.
Spent = tuple[float, ...]
#: Choices that are looked at above the present one: a kernel's staircase may make a wider one
#: cheaper than the next.
_AHEAD = 3
#: Groups whose next widths are asked for at once.
_AT_ONCE = 8
#: Least rise of the cost that counts; below it a width is free.
_FREE = 1e-9


def fill(
    problem: SearchProblem, widths: Widths, ratios: Mapping[str, float] | None = None
) -> Widths:
    """Widen a plan until no group can be widened within the budget.

    Scaling all groups by one factor leaves channels unused that cost nothing on the device's
    staircase, and what is left of the budget below the next common step. Free widths come first;
    then one choice at a time of the group with most loss saved per cost, where the problem has
    curves, else of the group that is furthest below its wanted ratio.

    Args:
        problem: the budget and its cost.
        widths: tied widths; those over the budget stay as they are, and so do those of single
            weights, which are completed (`SearchProblem.complete`).
        ratios: wanted keep ratio of every group, only their proportions matter; None: those of
            `widths`.

    Returns:
        Widths that are nowhere narrower, with the same zeros, inside the budget.
    """
    costs = Costs(problem)
    filling = Filling(problem, widths, costs.each, problem.target, costs.expect)
    if problem.complete is not None or not filling.fits:
        return dict(widths)
    filling.take_free()
    if problem.curves is not None:
        filling.widen_by_loss(SummedLoss(problem, problem.curves))
    else:
        wanted = ratios or {group: widths[group] / problem.full[group] for group in problem.groups}
        filling.widen_by_ratio(wanted)
    return filling.widths


class Filling:
    """A plan on its way up.

    Args:
        problem: groups and choices.
        widths: where it begins.
        costs: of a plan, one for each budget.
        target: largest allowed cost.
        expect: told of plans whose costs will be asked for, some of them in vain.

    Attributes:
        widths: the plan as it is now.
        spent: its costs.
    """

    def __init__(
        self,
        problem: SearchProblem,
        widths: Widths,
        costs: Callable[[Widths], Spent],
        target: float,
        expect: Callable[[Sequence[Widths]], None] = lambda plans: None,
    ) -> None:
        self._problem, self._costs, self._target = problem, costs, target
        self._expect = expect
        self.widths = dict(widths)
        self.spent = costs(self.widths)

    @property
    def fits(self) -> bool:
        """Whether the plan is inside the budget."""
        return max(self.spent) <= self._target

    def take_free(self) -> None:
        """Widen every group as far as no cost rises."""
        groups = self._problem.groups
        for place, group in enumerate(groups):
            if place % _AT_ONCE == 0:
                self._expect(self._wider(groups[place : place + _AT_ONCE]))
            while any(self._taken(group, width, self.spent) for width in self._ahead(group)[::-1]):
                self._expect(self._wider(groups[place : place + _AT_ONCE]))

    def widen_by_ratio(self, ratios: Mapping[str, float]) -> None:
        """Widen the group furthest below its wanted ratio, step by step, while it fits.

        Args:
            ratios: wanted keep ratios; those of groups at width 0 are not looked at.
        """
        full = self._problem.full
        wanted = {group: ratios[group] * full[group] for group in self._problem.groups}
        waiting = [
            (self.widths[group] / max(wanted[group], _FREE), place, group)
            for place, group in enumerate(self._problem.groups)
        ]
        heapq.heapify(waiting)
        while waiting:
            _, place, group = heapq.heappop(waiting)
            # What does not fit now will not fit later: the group is done.
            if any(self._taken(group, width, self._limits) for width in self._ahead(group)):
                reached = self.widths[group] / max(wanted[group], _FREE)
                heapq.heappush(waiting, (reached, place, group))

    def widen_by_loss(self, loss: Callable[[Widths], float]) -> None:
        """Widen the group with most loss saved per cost, step by step, while it fits.

        Args:
            loss: of a plan.
        """
        groups = self._problem.groups
        # Lazy greedy: a step's rate changes little when others are taken, so that only the one
        # on top is looked at again.
        taken = 0
        self._expect(self._wider(groups))
        waiting: list[tuple[float, int, int, int]] = []
        for place, group in enumerate(groups):
            self._push(waiting, place, taken, self._best_step(group, loss))
        while waiting:
            _, place, width, known = heapq.heappop(waiting)
            group = groups[place]
            if known == taken:
                self.widths[group] = width
                self.spent = self._costs(self.widths)
                taken += 1
            self._push(waiting, place, taken, self._best_step(group, loss))

    @staticmethod
    def _push(
        waiting: list[tuple[float, int, int, int]],
        place: int,
        taken: int,
        step: tuple[float, int] | None,
    ) -> None:
        if step is not None:
            heapq.heappush(waiting, (-step[0], place, step[1], taken))

    def _best_step(self, group: str, loss: Callable[[Widths], float]) -> tuple[float, int] | None:
        """The rate and the width of the best step up that fits."""
        self._expect(self._wider([group]))
        now = loss(self.widths)
        best: tuple[float, int] | None = None
        for width in self._ahead(group):
            widened = {**self.widths, group: width}
            costs = self._costs(widened)
            if max(costs) <= self._target:
                rate = (now - loss(widened)) / max(sum(costs) - sum(self.spent), _FREE)
                if best is None or rate > best[0]:
                    best = rate, width
        return best

    def _wider(self, groups: Sequence[str]) -> list[Widths]:
        """The plan with one of these groups widened, and with another."""
        return [{**self.widths, one: width} for one in groups for width in self._ahead(one)]

    def _ahead(self, group: str) -> Sequence[int]:
        """The next choices above the present one; none where the branch is gone."""
        width, choices = self.widths[group], self._problem.choices[group]
        above = bisect(choices, width)
        return choices[above : above + _AHEAD] if width else ()

    @property
    def _limits(self) -> Spent:
        return (self._target,) * len(self.spent)

    def _taken(self, group: str, width: int, limits: Spent) -> bool:
        widened = {**self.widths, group: width}
        costs = self._costs(widened)
        if any(cost > limit for cost, limit in zip(costs, limits, strict=True)):
            return False
        self.widths, self.spent = widened, costs
        return True

"""Allocation: the widths with the least summed loss within the budget, by the sensitivity curves.

A multiple-choice knapsack (SPDY, Frantar and Alistarh, ICML 2022, section 3; HALP and MDP solve
the same one): every group takes one of its widths, a branch may go as a whole, losses add up. The
cost does not: what a layer takes depends on the channels on both of its sides, and a removed branch
takes its layers along. So the cost is made additive around a plan, the knapsack solved exactly, and
made additive anew around the solution, with the true cost deciding; a local search at true cost
mends what the additions overlooked.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

from edgeprune.search.filling import fill
from edgeprune.search.fitting import fit_to_budget
from edgeprune.search.problem import Key, SearchProblem, Widths

Floats = NDArray[np.float64]

#: Steps of the cost in the dynamic programme.
_BUCKETS = 1500
#: How often the cost is made additive anew, from each start.
_ROUNDS = 4
#: Improvements of the local search at most, and pairs of changes whose true cost is asked for.
_IMPROVEMENTS = 12
_PAIRS = 24
#: A width is left aside if a wider one costs at most so much more of the budget.
_NO_DEARER = 1e-3
#: Options of a branch with several groups at most: its groups move together beyond that.
_MOST_OPTIONS = 64
#: Without curves: loss of removing a branch over that of cutting all its groups to nothing.
_PRIOR_REMOVAL = 1.5


@dataclass(frozen=True)
class _Item:
    """What is decided at once: a group, or all groups of a branch.

    Attributes:
        groups: names.
        options: their widths.
    """

    groups: tuple[str, ...]
    options: tuple[tuple[int, ...], ...]


class Allocator:
    """Allocates the widths of one problem, for any coefficients and budgets.

    Its cost is asked for as it is when `widths` is called: measurements that the problem has
    learned in between count.

    Args:
        problem: groups, choices, cost, budget and curves. Without curves a prior stands for them:
            a group's share of the cost that it can save, times the square of the share that is
            cut (SPDY, section 3.2).
    """

    def __init__(self, problem: SearchProblem) -> None:
        self._problem = problem
        self._losses = _losses(problem)
        self._items = list(_items(problem, _useful(problem)))

    def loss(self, widths: Mapping[str, int], coefficients: Mapping[str, float]) -> float:
        """Summed loss of a plan."""
        return sum(
            coefficients.get(group, 1.0) * self._losses[group][widths[group]]
            for group in self._problem.groups
        )

    def widths(
        self,
        coefficients: Mapping[str, float] | None = None,
        *,
        target: float | None = None,
        start: Widths | None = None,
    ) -> Widths:
        """The plan with the least summed loss within the budget that is found.

        Args:
            coefficients: factors on the groups' losses, above 0; 1 where a group is left out. A
                branch has its first group's.
            target: largest cost; the problem's own if not given.
            start: a plan near the solution, such as that of other coefficients; without one,
                several starts are tried.

        Returns:
            Tied widths inside the budget; the smallest ones where nothing is.
        """
        solver = _Solver(self, dict(coefficients or {}), target or self._problem.target)
        return solver.solve(start)


class _Solver:
    """One solution: costs are asked for once."""

    def __init__(self, allocator: Allocator, factors: dict[str, float], target: float) -> None:
        self._allocator, self._factors, self._target = allocator, factors, target
        self._problem, self._items = allocator._problem, allocator._items
        self._known: dict[Key, float] = {}
        losses = allocator._losses
        self._option_losses = [
            np.array(
                [
                    sum(
                        factors.get(group, 1.0) * losses[group][width]
                        for group, width in zip(item.groups, option, strict=True)
                    )
                    for option in item.options
                ]
            )
            for item in self._items
        ]

    def solve(self, start: Widths | None) -> Widths:
        problem = self._problem
        if self._cost(problem.smallest) > self._target:
            return problem.smallest
        best: tuple[float, Widths] | None = None
        for one in [start] if start is not None else self._starts():
            for widths in self._rounds(one):
                loss = self._loss(widths)
                if best is None or loss < best[0]:
                    best = loss, widths
        if best is None:
            best = self._loss(problem.smallest), problem.smallest
        return self._improved(best[1])

    def _starts(self) -> Iterator[Widths]:
        """Plans around which the cost is made additive first."""
        problem = self._problem
        yield fit_to_budget(problem, dict.fromkeys(problem.groups, 1.0), fill=False)
        yield problem.full

    def _rounds(self, widths: Widths) -> Iterator[Widths]:
        """Solutions inside the budget, each with the cost made additive around the last."""
        slack = 0.0
        for _ in range(_ROUNDS):
            base = self._cost(widths)
            costs = self._marginal_costs(widths, base)
            chosen = self._knapsack(costs, self._target - base - slack)
            found = self._plan(chosen)
            expected = base + sum(costs[i][option] for i, option in enumerate(chosen))
            true = self._cost(found)
            if true <= self._target:
                yield found
            else:
                yield from self._repaired(found)
            # What the additions misjudge here they will misjudge again near by.
            slack = 0.5 * slack + 0.5 * (true - expected)
            if found == widths:
                break
            widths = found

    def _marginal_costs(self, widths: Widths, base: float) -> list[Floats]:
        """What every option costs more than the present one, all else as it is."""
        return [
            np.array(
                [self._cost(self._changed(widths, item, option)) - base for option in item.options]
            )
            for item in self._items
        ]

    def _knapsack(self, costs: list[Floats], room: float) -> list[int]:
        """The options with the least summed loss whose summed cost fits; exact but for rounding."""
        least = [one.min() for one in costs]
        capacity = room - sum(least)
        if capacity <= 0:
            return [int(one.argmin()) for one in costs]
        size = capacity / _BUCKETS
        table = np.zeros(_BUCKETS + 1)
        picked = np.zeros((len(costs), _BUCKETS + 1), np.int16)
        for row, (cost, loss) in enumerate(zip(costs, self._option_losses, strict=True)):
            weights = np.rint((cost - least[row]) / size).astype(np.int64)
            best = np.full(_BUCKETS + 1, np.inf)
            for option, weight in enumerate(weights.tolist()):
                if weight > _BUCKETS:
                    continue
                sums = table[: _BUCKETS + 1 - weight] + loss[option]
                part = best[weight:]
                better = sums < part
                part[better] = sums[better]
                picked[row, weight:][better] = option
            table = best
        chosen = [0] * len(costs)
        left = _BUCKETS
        for row in range(len(costs) - 1, -1, -1):
            option = chosen[row] = int(picked[row, left])
            left -= int(np.rint((costs[row][option] - least[row]) / size))
        return chosen

    def _repaired(self, widths: Widths) -> Iterator[Widths]:
        """A plan that is over the budget, brought back by the cheapest cuts."""
        while (spent := self._cost(widths)) > self._target:
            best: tuple[float, Widths] | None = None
            for item, losses in zip(self._items, self._option_losses, strict=True):
                now = losses[self._index(item, widths)]
                for option, loss in zip(item.options, losses.tolist(), strict=True):
                    changed = self._changed(widths, item, option)
                    saved = min(spent - self._cost(changed), spent - self._target)
                    if saved > 1e-9:
                        rate = (loss - now) / saved
                        if best is None or rate < best[0]:
                            best = rate, changed
            if best is None:
                return
            widths = best[1]
        yield widths

    def _improved(self, widths: Widths) -> Widths:
        """Local search at true cost: one change, or one that pays for another."""
        for _ in range(_IMPROVEMENTS):
            better = self._better(widths)
            if better is None:
                break
            widths = better
        filled = fill(self._problem, widths) if self._target == self._problem.target else widths
        return filled if self._loss(filled) <= self._loss(widths) else widths

    def _better(self, widths: Widths) -> Widths | None:
        base = self._cost(widths)
        room = self._target - base
        costs = self._marginal_costs(widths, base)
        gains = [
            losses[self._index(item, widths)] - losses
            for item, losses in zip(self._items, self._option_losses, strict=True)
        ]
        moves = [
            (float(gain), float(cost), row, option)
            for row, (own_gains, own_costs) in enumerate(zip(gains, costs, strict=True))
            for option, (gain, cost) in enumerate(zip(own_gains, own_costs, strict=True))
            if gain != 0 or cost != 0
        ]
        single = max((move for move in moves if move[1] <= room), default=None)
        best = (single[0], self._moved(widths, single)) if single and single[0] > 1e-9 else None
        ups = sorted((move for move in moves if move[0] > 0), reverse=True)[: 4 * _PAIRS]
        downs = sorted(
            (move for move in moves if move[0] < 0 and move[1] < 0),
            key=lambda move: move[0] / move[1],
        )[: 4 * _PAIRS]
        pairs = sorted(
            (
                (up[0] + down[0], up, down)
                for up in ups
                for down in downs
                if up[2] != down[2]
                and up[0] + down[0] > (best[0] if best else 1e-9)
                and up[1] + down[1] <= room + 0.1 * abs(down[1])
            ),
            reverse=True,
        )
        for gain, up, down in pairs[:_PAIRS]:
            moved = self._moved(self._moved(widths, down), up)
            if self._cost(moved) <= self._target:
                return moved if best is None or gain > best[0] else best[1]
        return None if best is None else best[1]

    def _moved(self, widths: Widths, move: tuple[float, float, int, int]) -> Widths:
        item = self._items[move[2]]
        return self._changed(widths, item, item.options[move[3]])

    def _plan(self, chosen: list[int]) -> Widths:
        widths = dict(self._problem.full)
        for item, option in zip(self._items, chosen, strict=True):
            widths = self._changed(widths, item, item.options[option])
        return widths

    @staticmethod
    def _changed(widths: Widths, item: _Item, option: tuple[int, ...]) -> Widths:
        return {**widths, **dict(zip(item.groups, option, strict=True))}

    @staticmethod
    def _index(item: _Item, widths: Widths) -> int:
        """The option a plan has, or the nearest above its widths."""
        present = tuple(widths[group] for group in item.groups)
        if present in item.options:
            return item.options.index(present)
        return min(
            range(len(item.options)),
            key=lambda i: sum(abs(a - b) for a, b in zip(item.options[i], present, strict=True)),
        )

    def _loss(self, widths: Widths) -> float:
        return self._allocator.loss(widths, self._factors)

    def _cost(self, widths: Widths) -> float:
        key = self._problem.key(widths)
        if key not in self._known:
            self._known[key] = self._problem.cost(widths)
        return self._known[key]


def _losses(problem: SearchProblem) -> dict[str, dict[int, float]]:
    """The loss of every width of every group."""
    if problem.curves is not None:
        return {
            group: dict(zip(problem.choices[group], problem.curves[group], strict=True))
            for group in problem.groups
        }
    whole = problem.cost(problem.full)
    found: dict[str, dict[int, float]] = {}
    for group in problem.groups:
        narrow = {**problem.full, group: problem.narrowest[group]}
        share = max(whole - problem.cost(narrow), 1e-6)
        full = problem.full[group]
        found[group] = {
            width: share * (1 - width / full) ** 2 for width in problem.kept_choices(group)
        }
        found[group][0] = 0.0
    for branch in problem.branches:
        shares = [max(whole - problem.cost(_removed(problem, branch)), 1e-6)]
        found[branch[0]][0] = _PRIOR_REMOVAL * sum(shares)
    return found


def _removed(problem: SearchProblem, branch: tuple[str, ...]) -> Widths:
    return {**problem.full, **dict.fromkeys(branch, 0)}


def _useful(problem: SearchProblem) -> dict[str, list[int]]:
    """Widths above 0 that no wider one beats: on a staircase most lie on the way up to a step.

    A width is judged with all other groups at full and at half width.
    """
    full = problem.full
    half = {group: problem.nearest_kept(group, full[group] / 2) for group in problem.groups}
    found = {}
    for group in problem.groups:
        choices = list(problem.kept_choices(group))
        keep = {choices[0], choices[-1]}
        for others in (full, half):
            cheapest = np.inf
            for width in reversed(choices):
                cost = problem.cost({**others, group: width})
                if cost < cheapest - _NO_DEARER * problem.target / 4:
                    keep.add(width)
                    cheapest = cost
        found[group] = sorted(keep)
    return found


def _items(problem: SearchProblem, useful: Mapping[str, list[int]]) -> Iterator[_Item]:
    for group in problem.groups:
        branch = problem.branch_of.get(group, (group,))
        if branch[0] != group:
            continue
        widths = [useful[name] for name in branch]
        options = list(product(*widths))
        if len(options) > _MOST_OPTIONS:
            # All groups of the branch at about the same share of their width.
            longest = max(len(one) for one in widths)
            steps = np.linspace(0, 1, longest)
            options = sorted(
                {tuple(one[round(step * (len(one) - 1))] for one in widths) for step in steps}
            )
        gone = [(0,) * len(branch)] if problem.choices[group][0] == 0 else []
        yield _Item(branch, (*gone, *options))

"""The allocation: widths of least summed loss within the budget, removed branches included."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from edgeprune.search.allocation_costs import Costs
from edgeprune.search.allocation_losses import SummedLoss, base_losses
from edgeprune.search.allocation_sums import Linearised
from edgeprune.search.filling import Filling
from edgeprune.search.fitting import fit_to_budget
from edgeprune.search.problem import SearchProblem, Widths
from edgeprune.search.useful_widths import useful_widths

#: Worths of capacity that searches begin with, in nats for a unit of the logarithm of the MACs. Of
#: ResNet-20's plans at half the latency the one made with 1.3 did best after 3 epochs.
CAPACITIES = (0.0, 1.3, 2.6)
#: Plans whose cost is asked for in one allocation, roughly; at 0.3 ms each, a third of a second.
_EVALUATIONS = 1000
#: Times a budget of the summed cost is moved so that the true one comes out right.
_CORRECTIONS = 4
#: Shortfall of the budget, as a share of it, that is left to filling.
_NEAR = 0.002
#: Choices up and down that are open once the plan is nearly right.
_REACH = 2
#: Branches that are made to change sides around one plan, one by one: further ones improved one of
#: 80 allocations of ResNet-20, and took half of all time.
_FLIPPED = 3


class Allocator:
    """Solves for widths from sensitivity curves and the cost estimate.

    The cost is no sum over groups: a layer's latency depends on the widths on both its sides, and
    a removed branch takes its layers along. So it is written as a sum around one plan, the
    knapsack of that is solved exactly (`edgeprune.search.multiple_choice`), its solution's true
    cost corrects the budget of the sum, and the solution is where the next sum is written. This
    begins at the full network and, where branches may go, at all groups scaled alike as well; it
    goes on with small steps around the best. All solutions within the budget are filled and
    compared by their loss. Where there are several budgets, sums of their costs stand for the
    largest of them: each alone, and all alike.

    Args:
        problem: with curves, or without (see `allocation_losses.base_losses` for what stands in).
    """

    def __init__(self, problem: SearchProblem) -> None:
        self._problem = problem
        self._losses = base_losses(problem)
        self._useful = useful_widths(problem)

    def loss(
        self,
        widths: Widths,
        coefficients: Mapping[str, float] | None = None,
        capacity: float = 0.0,
    ) -> float:
        """What is minimised, see `SummedLoss`.

        Args:
            widths: tied widths.
            coefficients: of each group; 1 where it has none.
            capacity: what capacity is worth.
        """
        return SummedLoss(self._problem, self._losses, coefficients, capacity)(widths)

    def widths(
        self,
        coefficients: Mapping[str, float] | None = None,
        target: float | None = None,
        *,
        capacity: float = 0.0,
        costs: Costs | None = None,
    ) -> Widths:
        """The allocation; equal arguments and an equal cost give equal widths.

        Args:
            coefficients: factors on the losses of groups, above 0; 1 for those without.
            target: largest allowed cost; None: the problem's.
            capacity: what a unit of the logarithm of the MACs is worth, in units of the loss.
            costs: of the problem with this target, as allocations before left them; given where
                no outcome has come in since.

        Returns:
            Tied widths within the target; `SearchProblem.smallest` where nothing fits.
        """
        limit = self._problem.target if target is None else target
        problem = self._problem.at(limit)
        costs = costs or Costs(problem)
        costs.begin()
        loss = SummedLoss(problem, self._losses, coefficients, capacity, costs.capacity)
        return _Allocation(problem, costs, loss, self._useful, limit).solved()


def allocations(problem: SearchProblem) -> list[Widths]:
    """The allocations by each of `CAPACITIES`, no two alike."""
    allocator = Allocator(problem)
    plans = (allocator.widths(capacity=worth) for worth in CAPACITIES)
    return list({problem.key(widths): widths for widths in plans}.values())


class _Allocation:
    """One allocation on its way.

    Args:
        problem: what is searched.
        costs: of its plans.
        loss: of a plan.
        useful: widths of each group that are worth looking at.
        target: largest allowed cost.
    """

    def __init__(
        self,
        problem: SearchProblem,
        costs: Costs,
        loss: SummedLoss,
        useful: Mapping[str, Sequence[int]],
        target: float,
    ) -> None:
        self._problem, self._loss, self._useful, self._target = problem, loss, useful, target
        self._costs = costs
        self._weights = _weights(1 + len(problem.shares))
        self._best: tuple[float, Widths] | None = None
        #: With what widths a branch comes back: those it had when it was last there.
        self._reference = dict(problem.narrowest)

    def solved(self) -> Widths:
        problem = self._problem
        if self._costs(problem.full) <= self._target:
            return dict(problem.full)
        if self._costs(problem.smallest) > self._target:
            return dict(problem.smallest)
        for start in self._starts():
            for weights in self._weights:
                self._descend(start, weights, reach=None, rounds=2)
        if self._best is None:
            self._consider(problem.smallest)
        self._polish()
        return problem.smallest if self._best is None else self._best[1]

    def _starts(self) -> Iterator[Widths]:
        problem = self._problem
        if problem.branches:
            uniform = fit_to_budget(
                _with_cost(problem, self._costs, self._target),
                dict.fromkeys(problem.groups, 1.0),
                fill=False,
            )
            self._remember(uniform)
            yield uniform
        yield problem.full

    def _descend(
        self, start: Widths, weights: Sequence[float], *, reach: int | None, rounds: int
    ) -> None:
        """Solve around a plan, then around the solution, and so on."""
        around = start
        for _ in range(rounds):
            table = self._table(around, reach, weights)
            found = self._corrected(table)
            if found == around:
                return
            self._remember(found)
            around = found

    def _polish(self) -> None:
        """Small steps around the best plan, branches that change sides, until nothing helps."""
        while self._best is not None and self._costs.asked < _EVALUATIONS:
            before, around = self._best
            self._remember(around)
            for weights in self._weights:
                self._corrected(self._table(around, _REACH, weights))
            if self._best[0] < before:
                continue
            self._flip(self._table(around, _REACH, self._weights[-1]))
            if not self._best[0] < before:
                return

    def _flip(self, table: Linearised) -> None:
        """Branches that would rather stay as they are change sides, the most promising first."""
        if self._costs.asked >= _EVALUATIONS:
            return
        solutions = [table.solve(self._target, flip=part) for part in table.flips()]
        for solution in sorted(solutions, key=self._loss)[:_FLIPPED]:
            self._consider(solution)

    def _table(self, around: Widths, reach: int | None, weights: Sequence[float]) -> Linearised:
        changes = self._costs.changes(
            around, self._reference, weights, useful=self._useful, reach=reach
        )
        return Linearised(changes, self._loss)

    def _corrected(self, table: Linearised) -> Widths:
        """The sum's allocation whose true cost comes nearest to the target from below.

        Every one on the way is considered; the last one is returned where none is within it.
        """
        summed, inside, found = self._target, None, None
        for _ in range(_CORRECTIONS):
            again = table.solve(summed)
            if again == found:
                break
            found = again
            left = self._target - self._costs(found)
            if left >= 0:
                inside = found
            if 0 <= left < _NEAR * self._target:
                break
            summed += left
        chosen = inside or found or self._problem.smallest
        self._consider(chosen)
        return chosen

    def _consider(self, widths: Widths) -> None:
        """Bring a plan into the budget, fill it, and keep it where it is the best so far."""
        inside = self._inside(widths)
        costs = self._costs
        filling = Filling(self._problem, inside, costs.each, self._target, costs.expect)
        if not filling.fits:
            return
        filling.take_free()
        filling.widen_by_loss(self._loss)
        loss = self._loss(filling.widths)
        if self._best is None or loss < self._best[0]:
            self._best = loss, filling.widths

    def _inside(self, widths: Widths) -> Widths:
        """Scaled down, zeros as they are, where it is over the budget."""
        if self._costs(widths) <= self._target:
            return widths
        full = self._problem.full
        return fit_to_budget(
            _with_cost(self._problem, self._costs, self._target),
            {group: widths[group] / full[group] for group in self._problem.groups},
            fill=False,
        )

    def _remember(self, widths: Widths) -> None:
        self._reference.update({group: width for group, width in widths.items() if width})


def _weights(budgets: int) -> list[tuple[float, ...]]:
    """Each budget alone, as if the others did not bind, and all alike."""
    alone = [tuple(float(one == number) for one in range(budgets)) for number in range(budgets)]
    return [*alone, (1 / budgets,) * budgets] if budgets > 1 else alone


def _with_cost(problem: SearchProblem, costs: Costs, target: float) -> SearchProblem:
    return replace(problem, cost=costs, target=target)

"""Bringing a plan into the budget with as little loss as its curves allow."""

from collections.abc import Mapping, Sequence

from edgeprune.search.allocation import CAPACITIES
from edgeprune.search.allocation_losses import SummedLoss, base_losses
from edgeprune.search.fitting import fit_to_budget, keep_ratios
from edgeprune.search.problem import SearchProblem, Widths

#: What capacity is worth beside the curves, in nats: that of the best allocation.
_WORTH = CAPACITIES[1]
#: Least saving of the cost that counts.
_SAVED = 1e-9


def narrow(problem: SearchProblem, widths: Widths, useful: Mapping[str, Sequence[int]]) -> Widths:
    """Narrow the group with least loss per saved cost, step by step, until the plan fits.

    Scaling all groups by one factor takes each of them off the widths that its kernels work in,
    and cuts those that must not be cut: a plan that was 2 % over its budget lost all that the
    search had found in it. Branches that are there stay.

    Args:
        problem: the budget, its cost, and curves.
        widths: tied widths.
        useful: widths of each group that are worth looking at (`useful_widths`).

    Returns:
        Tied widths within the budget, nowhere wider; those of `fit_to_budget` where that takes
        the removal of a branch.
    """
    loss = SummedLoss(problem, base_losses(problem), capacity=_WORTH)
    plan, spent = dict(widths), problem.costs(widths)
    while max(spent) > problem.target:
        before, steps = loss(plan), []
        for group in problem.groups:
            below = [width for width in useful[group] if width < plan[group]]
            if not below:
                continue
            narrowed = {**plan, group: below[-1]}
            saved = _saved(problem, spent, problem.costs(narrowed))
            if saved > _SAVED:
                steps.append(((loss(narrowed) - before) / saved, group, below[-1]))
        if not steps:
            return fit_to_budget(problem, keep_ratios(problem, widths))
        _, group, width = min(steps)
        plan[group] = width
        spent = problem.costs(plan)
    return plan


def _saved(problem: SearchProblem, before: Sequence[float], after: Sequence[float]) -> float:
    """What a step saves of the budgets that do not hold yet."""
    pairs = zip(before, after, strict=True)
    return sum(old - new for old, new in pairs if old > problem.target)

"""Turning a shape of the network into widths that use the budget up and stay inside it."""

import math
from collections.abc import Mapping

from edgeprune.search.problem import SearchProblem, Widths

#: Bisection steps over the logarithm of the scale: far below one channel of the widest layers.
_STEPS = 24


def fit_to_budget(problem: SearchProblem, ratios: Mapping[str, float]) -> Widths:
    """The largest common scaling of these keep ratios that is inside the budget.

    AMC's wall only caps the cost from above, so random policies end far below the budget and
    compare unfairly with uniform ones: scale them to the same cost first.

    Args:
        problem: the budget and its cost.
        ratios: keep ratio of every group, above 0; only their proportions matter.

    Returns:
        Allowed widths whose cost is at most the target, and as near to it as one step of a
        common scale comes; the smallest widths where nothing fits.
    """
    smallest_ratio, largest_ratio = min(ratios.values()), max(ratios.values())
    # From every group at its smallest width to every group at its full one.
    low = math.log(1e-3 / largest_ratio)
    high = math.log(1.0 / smallest_ratio)
    best, over = problem.smallest, _scaled(problem, ratios, math.exp(high))
    if problem.fits(over):
        return over
    for _ in range(_STEPS):
        middle = (low + high) / 2
        widths = _scaled(problem, ratios, math.exp(middle))
        if widths == best or (widths != over and problem.fits(widths)):
            low, best = middle, widths
        else:
            high, over = middle, widths
    return best


def keep_ratios(problem: SearchProblem, widths: Widths) -> dict[str, float]:
    """Kept share of every group's channels."""
    return {group: widths[group] / problem.full[group] for group in problem.groups}


def _scaled(problem: SearchProblem, ratios: Mapping[str, float], scale: float) -> Widths:
    return {
        group: problem.nearest_choice(group, scale * ratios[group] * problem.full[group])
        for group in problem.groups
    }

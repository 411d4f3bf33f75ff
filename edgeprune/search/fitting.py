"""Turning a shape of the network into widths that use the budget up and stay inside it."""

import math
from collections.abc import Mapping

from edgeprune.search.filling import fill as fill_up
from edgeprune.search.problem import SearchProblem, Widths

#: Bisection steps over the logarithm of the scale: far below one channel of the widest layers.
_STEPS = 24


def fit_to_budget(
    problem: SearchProblem, ratios: Mapping[str, float], *, fill: bool = True
) -> Widths:
    """The largest common scaling of these keep ratios that is inside the budget, filled.

    AMC's wall only caps the cost from above, so random policies end far below the budget and
    compare unfairly with uniform ones: scale them to the same cost first.

    Args:
        problem: the budget and its cost.
        ratios: keep ratio of every group; of those above 0 only the proportions matter. Where the
            first group of a branch has 0 the branch goes; no scaling makes a ratio 0.
        fill: spend what scaling leaves of the budget (`edgeprune.search.filling`); not where
            `SearchProblem.complete` does that.

    Returns:
        Allowed widths whose cost is at most the target, and as near to it as one step of a
        common scale comes, or of one group where they are filled. Where even the narrowest plan
        is over the budget, branches go, those of the smallest ratios first, until it fits; the
        smallest widths where nothing does.
    """
    best = _scaled(problem, ratios, 0.0)
    if not problem.fits(best):
        return _without_branches(problem, ratios, best, fill=fill)
    wanted = [ratio for ratio in ratios.values() if ratio > 0]
    if wanted:
        best = _largest(problem, ratios, best, min(wanted), max(wanted))
    if fill and problem.complete is None:
        return fill_up(problem, best, ratios)
    return best


def keep_ratios(problem: SearchProblem, widths: Widths) -> dict[str, float]:
    """Kept share of every group's channels."""
    return {group: widths[group] / problem.full[group] for group in problem.groups}


def asked_ratios(problem: SearchProblem, draws: Mapping[str, float]) -> dict[str, float]:
    """Keep ratios that draws between 0 and 1 ask for.

    Args:
        problem: what is searched.
        draws: one of each group.

    Returns:
        0 for all groups of a branch whose first group's draw is nearer to 0 than to its narrowest
        width; else the draw, at least the ratio of the narrowest width.
    """
    full, narrowest = problem.full, problem.narrowest
    found = {}
    for group in problem.groups:
        first = problem.branch_of.get(group, (group,))[0]
        gone = problem.nearest_choice(first, draws[first] * full[first]) == 0
        found[group] = 0.0 if gone else max(draws[group], narrowest[group] / full[group])
    return found


def _largest(
    problem: SearchProblem, ratios: Mapping[str, float], best: Widths, least: float, most: float
) -> Widths:
    """Bisect between every group at its smallest width above 0 and every group at its full one."""
    low, high = math.log(1e-3 / most), math.log(1.0 / least)
    over = _scaled(problem, ratios, math.exp(high))
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


def _without_branches(
    problem: SearchProblem, ratios: Mapping[str, float], widths: Widths, *, fill: bool
) -> Widths:
    """Fit with as few branches less as the budget asks for, the least wanted ones first."""
    kept = [branch for branch in problem.branches if widths[branch[0]]]
    if not kept:
        return problem.smallest
    least = min(kept, key=lambda branch: sum(ratios[group] for group in branch) / len(branch))
    return fit_to_budget(problem, {**ratios, **dict.fromkeys(least, 0.0)}, fill=fill)


def _scaled(problem: SearchProblem, ratios: Mapping[str, float], scale: float) -> Widths:
    return problem.tied(
        {
            group: _width(problem, group, ratios[group], scale * problem.full[group])
            for group in problem.groups
        }
    )


def _width(problem: SearchProblem, group: str, ratio: float, scale: float) -> int:
    if ratio == 0:
        return problem.choices[group][0]
    return problem.nearest_kept(group, ratio * scale)

"""AMC's action wall, on any cost: never take more than the groups to come can make up for."""

from edgeprune.search.problem import SearchProblem, Widths


def largest_width(problem: SearchProblem, widths: Widths, group: str) -> int:
    """The widest `group` with which the budget can still be met.

    AMC's ``_action_wall`` (arXiv 1802.03494, algorithm 1) solves for the keep ratio in closed
    form, which needs a cost that is a sum of products; bisection over the allowed widths asks
    of the cost only that it does not fall when a group gets wider.

    Args:
        problem: the budget and its cost.
        widths: the groups before `group` as decided, those after it at their smallest width
            (whatever it holds for `group` itself is not looked at).
        group: the group that is decided next.

    Returns:
        The largest allowed width that fits; the smallest one where not even that fits.
    """
    choices = problem.open_choices(group, widths)
    low, high = 0, len(choices) - 1
    while low < high:
        middle = (low + high + 1) // 2
        if problem.fits(problem.tied({**widths, group: choices[middle]})):
            low = middle
        else:
            high = middle - 1
    return choices[low]

"""Which widths of a group are worth looking at: those that really cost less than a wider one."""

from collections.abc import Sequence

from edgeprune.search.problem import SearchProblem

#: Narrowing that saves less than this share of the base's cost is not worth a step of its own.
_STEP = 0.002
#: Widths of one group whose cost is asked for.
_ASKED = 64


def useful_widths(problem: SearchProblem) -> dict[str, tuple[int, ...]]:
    """The widths above 0 that an allocation chooses from, of each group.

    On a kernel's staircase most widths cost as much as a wider one, or more: fast code works in
    steps of 4, 8 or 16 channels. What is left of 64 widths are mostly fewer than ten.

    Args:
        problem: choices and cost; each group is narrowed alone, in the full network.

    Returns:
        By group, ascending; the last is the full width, and the narrowest one is among them where
        it costs less than all others.
    """
    return {group: _useful(problem, group) for group in problem.groups}


def _useful(problem: SearchProblem, group: str) -> tuple[int, ...]:
    """Those that cost less by any of the budgets."""
    found = [problem.full[group]]
    least = problem.costs(problem.full)
    for width in _asked(problem.kept_choices(group))[-2::-1]:
        costs = problem.costs({**problem.full, group: width})
        narrowest = width == problem.kept_choices(group)[0]
        step = 0 if narrowest else _STEP
        if any(cost < before - step for cost, before in zip(costs, least, strict=True)):
            found.append(width)
            least = tuple(map(min, costs, least))
    return tuple(found[::-1])


def _asked(choices: Sequence[int]) -> list[int]:
    """Evenly spread from the full width down, so that they are multiples of what it is one of."""
    stride = 1
    while len(choices) / stride > _ASKED:
        stride *= 2
    return sorted({choices[0], *choices[::-1][::stride]})

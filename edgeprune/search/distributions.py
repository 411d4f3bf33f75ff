"""The search space in Optuna's words: one integer parameter per channel group."""

import math
from collections.abc import Mapping
from itertools import pairwise

from optuna.distributions import BaseDistribution, IntDistribution

from edgeprune.search.problem import SearchProblem, Widths


def distributions(problem: SearchProblem) -> dict[str, BaseDistribution]:
    """Each group's channels as an ordered integer, so that samplers see their order.

    Where the allowed widths are not evenly spaced (a full width that is no multiple), the
    distribution holds values between them: `to_widths` moves those to the nearest allowed one.
    """
    return {group: _distribution(list(problem.choices[group])) for group in problem.groups}


def _distribution(choices: list[int]) -> IntDistribution:
    gaps = [b - a for a, b in pairwise(choices)]
    return IntDistribution(choices[0], choices[-1], step=math.gcd(*gaps) or 1)


def to_widths(problem: SearchProblem, params: Mapping[str, float]) -> Widths:
    """The allowed widths nearest to Optuna parameters, their zeros tied."""
    return problem.tied(
        {group: problem.nearest_choice(group, params[group]) for group in problem.groups}
    )

"""One episode of joint training: a keep ratio for every group, between two bounds."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from edgeprune.search import SearchProblem, Widths
from edgeprune.search.wall import largest_width

#: State, and the smallest and largest keep ratio allowed -> keep ratio.
Policy = Callable[[np.ndarray, float, float], float]


@dataclass(frozen=True)
class Episode:
    """One pass over the groups.

    Attributes:
        states: float32 (groups, state size).
        actions: keep ratios as they were done, inside the bounds.
        widths: what they led to.
    """

    states: np.ndarray
    actions: tuple[float, ...]
    widths: Widths


class Walk:
    """Passes over the groups of a problem, first to last.

    A state holds the group's features (in place of the paper's layer numbers: groups of any
    network have them), the share of the cost that is spent, the share that later groups would
    cost uncut, and the keep ratio before.

    Args:
        problem: what is pruned; its cost may be MACs or estimated latency.
    """

    def __init__(self, problem: SearchProblem) -> None:
        self._problem = problem
        low, span = problem.features.min(axis=0), np.ptp(problem.features, axis=0)
        self._static = (problem.features - low) / np.where(span > 0, span, 1.0)

    @property
    def state_size(self) -> int:
        """Length of a state."""
        return int(self._static.shape[1]) + 3

    def towards(self, widths: Widths) -> Policy:
        """A policy for one episode that wants these widths."""
        wanted = iter([widths[group] / self._problem.full[group] for group in self._problem.groups])
        return lambda state, low, high: next(wanted)

    def act(self, policy: Policy) -> Episode:
        """Let a policy choose; what it wants beyond the bounds is clipped before it is stored."""
        problem = self._problem
        tight, loose = dict(problem.smallest), dict(problem.full)
        states, actions, previous = [], [], 1.0
        for index, group in enumerate(problem.groups):
            spent = problem.cost(problem.tied(tight))
            rest = problem.cost(problem.tied(loose)) - spent
            state = np.append(self._static[index], (spent, rest, previous)).astype(np.float32)
            low, high = keep_range(problem, tight, loose, group)
            full = problem.full[group]
            wanted = min(max(policy(state, low / full, high / full), low / full), high / full)
            width = min(max(problem.nearest_open(group, wanted * full, tight), low), high)
            tight[group] = loose[group] = width
            previous = width / full
            states.append(state)
            actions.append(wanted)
        return Episode(np.stack(states), tuple(actions), tight)


def keep_range(problem: SearchProblem, tight: Widths, loose: Widths, group: str) -> tuple[int, int]:
    """The widths of a group that lead neither over the budget nor needlessly below it.

    RLAL's two bounds on the pruned share (Eq. 12 and 13), on any cost: at most so wide that the
    budget holds with all later groups at their smallest, and at least so wide that it is used up
    with all later groups whole.

    Args:
        problem: the budget and its cost.
        tight: groups before `group` as decided, those after it at their smallest.
        loose: groups before `group` as decided, those after it whole.
        group: the one that is decided next.

    Returns:
        Smallest and largest; the largest wins where they contradict each other.
    """
    high = largest_width(problem, tight, group)
    choices = problem.open_choices(group, tight)
    first, last = 0, choices.index(high)
    while first < last:
        middle = (first + last) // 2
        if problem.cost(problem.tied({**loose, group: choices[middle]})) >= problem.target:
            last = middle
        else:
            first = middle + 1
    return choices[first], high

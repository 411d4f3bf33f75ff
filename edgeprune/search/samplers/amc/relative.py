"""Episodes relative to the allocation: an action says how much a group's loss counts."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from edgeprune.search.allocation import Allocator
from edgeprune.search.problem import SearchProblem, Widths
from edgeprune.search.samplers.amc.episode import Episode

#: The action that leaves a group's coefficient at 1.
NEUTRAL = 0.5
#: Run-time inputs behind the static ones: the action before, and the mean of all before.
RUNTIME_INPUTS = ("previous", "mean")
#: Relative widths at which an agent sees a group's curve; 0 is there where a branch may go.
_SEEN_AT = (0.0, 0.25, 0.5, 0.75)


class _Inputs(NamedTuple):
    """What is told of every group: (groups, inputs), and the allocated keep ratios (groups,)."""

    static: np.ndarray
    ratios: np.ndarray


class RelativeWalk:
    """As `amc_episode.Walk`, with actions that are factors on the allocation's coefficients.

    An action ``a`` multiplies the loss of its group by ``exp(strength * (2 a - 1))``; the
    allocation of the losses so changed (`Allocator`) is what the episode leads to. All actions at
    0.5 give the plain allocation, so the agent starts where the curves end, and the budget is
    used up whatever it does. Its first inputs are the group's curve at four relative widths, as a
    share of the largest loss of all groups, and the keep ratio allocated to it.

    Args:
        problem: with curves.
        strength: logarithm of the largest factor.
        identity: add one input per group that is 1 at this group and 0 elsewhere.
    """

    def __init__(self, problem: SearchProblem, strength: float, *, identity: bool) -> None:
        self._problem, self._strength = problem, strength
        self._allocator = Allocator(problem)
        self._inputs = _inputs(problem, self._allocator.widths(), identity=identity)

    @property
    def state_size(self) -> int:
        """Length of an observation."""
        return int(self._inputs.static.shape[1]) + len(RUNTIME_INPUTS)

    def act(self, policy: Callable[[np.ndarray], float], *, wall: bool) -> Episode:
        """Let a policy choose; there is no wall, the allocation holds the budget."""
        states, actions = self._pass(policy)
        exponents = self._strength * (2 * np.array(actions) - 1)
        factors = np.exp(exponents).tolist()
        named = dict(zip(self._problem.groups, factors, strict=True))
        return Episode(states, actions, self._allocator.widths(named))

    def retrace(self, widths: Widths) -> Episode:
        """An episode that leans to given widths: above 0.5 where they are above the allocation.

        No coefficients need lead exactly there; twice the allocated width is 0.8, half 0.2.
        """
        wanted = []
        for group, allocated in zip(self._problem.groups, self._inputs.ratios, strict=True):
            ratio = widths[group] / self._problem.full[group]
            both = ratio**2 + allocated**2
            wanted.append(float(ratio**2 / both) if both else NEUTRAL)
        given = iter(wanted)
        states, actions = self._pass(lambda state: next(given))
        return Episode(states, actions, widths)

    def _pass(self, policy: Callable[[np.ndarray], float]) -> tuple[np.ndarray, list[float]]:
        states: list[np.ndarray] = []
        actions: list[float] = []
        for row in self._inputs.static:
            runtime = (actions[-1] if actions else NEUTRAL, _mean(actions))
            state = np.concatenate([row, runtime]).astype(np.float32)
            states.append(state)
            actions.append(policy(state))
        return np.stack(states), actions


def _mean(actions: Sequence[float]) -> float:
    return sum(actions) / len(actions) if actions else NEUTRAL


def _inputs(problem: SearchProblem, allocated: Widths, *, identity: bool) -> _Inputs:
    curves = problem.curves or {}
    largest = max(max(curve) for curve in curves.values()) or 1.0
    rows = []
    for group in problem.groups:
        full = problem.full[group]
        shares = [width / full for width in problem.choices[group]]
        rows.append(np.interp(_SEEN_AT, shares, curves[group]) / largest)
    ratios = np.array([allocated[group] / problem.full[group] for group in problem.groups])
    low, span = problem.features.min(axis=0), np.ptp(problem.features, axis=0)
    features = (problem.features - low) / np.where(span > 0, span, 1.0)
    parts = [np.array(rows), ratios[:, None], features]
    if identity:
        parts.append(np.eye(len(problem.groups)))
    return _Inputs(np.concatenate(parts, axis=1), ratios)

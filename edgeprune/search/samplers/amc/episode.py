"""One episode of AMC: what the agent sees at each group, and what it may do there."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, Self

import numpy as np
import torch

from edgeprune.search.problem import SearchProblem, Widths
from edgeprune.search.wall import largest_width

#: Run-time inputs behind the static ones: MACs removed so far, MACs that later groups can still
#: remove (both as shares of the base's), and the keep ratio of the group before.
RUNTIME_INPUTS = ("reduced", "rest", "previous")


@dataclass(frozen=True)
class Episode:
    """One pass over the groups.

    Attributes:
        states: float32 (groups, inputs).
        actions: raw actions in [0, 1], before wall and rounding.
        widths: what the actions led to.
    """

    states: np.ndarray
    actions: list[float]
    widths: Widths

    def to_state(self) -> dict[str, Any]:
        """Tensors, numbers and names."""
        states = torch.from_numpy(self.states.copy())
        return {"states": states, "actions": list(self.actions), "widths": dict(self.widths)}

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Self:
        """What `to_state` was called on."""
        return cls(state["states"].numpy(), list(state["actions"]), dict(state["widths"]))


class Walks(Protocol):
    """What plays episodes over the groups of a problem; see `Walk`."""

    @property
    def state_size(self) -> int:
        """Length of an observation."""

    def act(self, policy: Callable[[np.ndarray], float], *, wall: bool) -> Episode:
        """Let a policy choose."""

    def retrace(self, widths: Widths) -> Episode:
        """The episode that leads to given widths."""


class Walk:
    """Passes over the groups of a problem, first to last.

    Args:
        problem: what is searched.
        identity: add one input per group that is 1 at this group and 0 elsewhere.
    """

    def __init__(self, problem: SearchProblem, *, identity: bool) -> None:
        self._problem = problem
        low, span = problem.features.min(axis=0), np.ptp(problem.features, axis=0)
        parts = [(problem.features - low) / np.where(span > 0, span, 1.0)]
        if identity:
            parts.append(np.eye(len(problem.groups)))
        self._static = np.concatenate(parts, axis=1)
        self._full_macs = problem.macs(problem.full)
        self._rest = _removable_later(problem) / self._full_macs

    @property
    def state_size(self) -> int:
        """Length of an observation."""
        return int(self._static.shape[1]) + len(RUNTIME_INPUTS)

    def act(self, policy: Callable[[np.ndarray], float], *, wall: bool) -> Episode:
        """Let a policy choose.

        Args:
            policy: observation to raw action, the keep ratio it wants.
            wall: cap each width so that the groups to come can still meet the budget.
        """

        def choose(index: int, state: np.ndarray, widths: Widths) -> tuple[float, int]:
            group = self._problem.groups[index]
            action = policy(state)
            wanted = self._problem.nearest_open(group, action * self._problem.full[group], widths)
            if wall:
                wanted = min(wanted, largest_width(self._problem, widths, group))
            return action, wanted

        return self._pass(choose)

    def retrace(self, widths: Widths) -> Episode:
        """The episode that leads to given widths: each action is the group's keep ratio."""

        def choose(index: int, state: np.ndarray, decided: Widths) -> tuple[float, int]:
            group = self._problem.groups[index]
            return widths[group] / self._problem.full[group], widths[group]

        return self._pass(choose)

    def _pass(self, choose: Callable[[int, np.ndarray, Widths], tuple[float, int]]) -> Episode:
        problem = self._problem
        # The groups to come are at their smallest for the wall, and uncut for "reduced".
        widths, cut = dict(problem.smallest), dict(problem.full)
        states, actions = [], []
        previous = 1.0
        for index, group in enumerate(problem.groups):
            reduced = 1 - problem.macs(problem.tied(cut)) / self._full_macs
            runtime = (reduced, self._rest[index], previous)
            state = np.concatenate([self._static[index], runtime]).astype(np.float32)
            action, width = choose(index, state, widths)
            widths[group] = cut[group] = width
            previous = width / problem.full[group]
            states.append(state)
            actions.append(action)
        return Episode(np.stack(states), actions, widths)


def _removable_later(problem: SearchProblem) -> np.ndarray:
    """MACs that the groups after each one can remove, while it and those before it are uncut."""
    widths = dict(problem.smallest)
    left = []
    for group in problem.groups:
        widths[group] = problem.full[group]
        left.append(problem.macs(problem.full) - problem.macs(problem.tied(widths)))
    return np.array(left, float)

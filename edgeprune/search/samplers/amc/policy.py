"""AMC without a critic: REINFORCE over a Gaussian policy that starts at the allocation."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState

from edgeprune.search.allocation import Allocator
from edgeprune.search.fitting import asked_ratios, fit_to_budget
from edgeprune.search.problem import SearchProblem, Widths
from edgeprune.search.samplers.amc.options import AmcOptions
from edgeprune.search.samplers.base import WidthSampler
from edgeprune.search.sources import Floats

#: Episodes of one step of the policy, and its length: 1 moves the mean by the advantage-weighted
#: mean of the batch's deviations.
_BATCH = 6
_STEP = 1.5
#: Deviation of the logarithms: at first, and at the end of the search.
_DEVIATION = (0.5, 0.15)
#: Rate at which the baseline follows.
_RATE = 0.3


class PolicySampler(WidthSampler):
    """AMC's search with REINFORCE (Williams, 1992) in place of DDPG (ours; `AmcOptions.critic`).

    The policy is a Gaussian over one number for each group: the logarithm of a factor on its loss
    in the allocation, where the problem has curves, or of its keep ratio. Its mean starts at 0:
    the allocation, or the uniform plan. After every few episodes it moves by the natural gradient,
    each episode's deviation from the mean weighted by how much better than the moving average its
    reward was; the deviation shrinks with the search.

    Args:
        problem: what is searched.
        seed: fixes all random choices.
        trials: how long the search will be.
        options: none of them is looked at.
    """

    def __init__(
        self,
        problem: SearchProblem,
        seed: int,
        trials: int,
        options: AmcOptions | None = None,
    ) -> None:
        super().__init__(problem, seed)
        self._trials = trials
        self._allocator = None if problem.curves is None else Allocator(problem)
        self._mean: Floats = np.zeros(len(problem.groups))
        self._level: float | None = None
        self._spread = 0.0
        self._finished = 0
        self._batch: list[tuple[Floats, float]] = []
        self._open: dict[int, Floats] = {}

    def propose(self, study: Study, trial: FrozenTrial) -> Widths:
        """A draw from the policy; the first one is its mean."""
        drawn = self._mean.copy()
        if self._finished or self._open:
            drawn = drawn + self._deviation * self.rng.standard_normal(len(drawn))
        self._open[trial.number] = drawn
        factors = dict(zip(self.problem.groups, np.exp(drawn).tolist(), strict=True))
        if self._allocator is not None:
            return self._allocator.widths(factors)
        largest = max(factors.values())
        ratios = {group: factor / largest for group, factor in factors.items()}
        return fit_to_budget(self.problem, asked_ratios(self.problem, ratios))

    def after_trial(
        self,
        study: Study,
        trial: FrozenTrial,
        state: TrialState,
        values: Sequence[float] | None,
    ) -> None:
        """Learn from a finished episode of the policy's own (Optuna's interface)."""
        drawn = self._open.pop(trial.number, None)
        if state != TrialState.COMPLETE or not values:
            return
        self._finished += 1
        if drawn is None:
            return
        self._batch.append((drawn, float(values[0])))
        if len(self._batch) == _BATCH:
            self._move()

    def state_dict(self) -> dict[str, Any]:
        """The policy, the batch that it has not learnt from yet, and open episodes."""
        return {
            **super().state_dict(),
            "mean": torch.from_numpy(self._mean.copy()),
            "level": self._level,
            "spread": self._spread,
            "finished": self._finished,
            "batch": [(torch.from_numpy(drawn.copy()), reward) for drawn, reward in self._batch],
            "open": {number: torch.from_numpy(one.copy()) for number, one in self._open.items()},
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on exactly where `state_dict` was called."""
        super().load_state_dict(state)
        self._mean = state["mean"].numpy().copy()
        self._level, self._spread = state["level"], state["spread"]
        self._finished = state["finished"]
        self._batch = [(drawn.numpy().copy(), reward) for drawn, reward in state["batch"]]
        opened = state["open"]
        self._open = {number: one.numpy().copy() for number, one in opened.items()}

    @property
    def _deviation(self) -> float:
        begun = self._finished + len(self._open)
        done = min(begun / max(self._trials, 1), 1.0)
        return _DEVIATION[0] + done * (_DEVIATION[1] - _DEVIATION[0])

    def _move(self) -> None:
        drawn = np.array([one for one, _ in self._batch])
        rewards = np.array([reward for _, reward in self._batch])
        self._batch.clear()
        level, spread = float(rewards.mean()), float(rewards.std())
        if self._level is None:
            self._level, self._spread = level, spread
        advantages = (rewards - self._level) / (self._spread or 1.0)
        self._mean = self._mean + _STEP * (advantages[:, None] * (drawn - self._mean)).mean(axis=0)
        self._level += _RATE * (level - self._level)
        self._spread += _RATE * (spread - self._spread)

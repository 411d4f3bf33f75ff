"""PuRL: one pass over the groups, a threshold for each, and a reward after every cut."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from edgeprune.search.allocation import Allocator
from edgeprune.search.fitting import fit_to_budget, keep_ratios
from edgeprune.search.problem import SearchProblem, Widths
from edgeprune.search.samplers.stepwise.options import PurlOptions
from edgeprune.search.samplers.stepwise.sampler import Judgement, Known, StepwiseSampler


class PurlSampler(StepwiseSampler):
    """Reinforcement learning with dense rewards, after the abstract of PuRL (arXiv 2007.04756).

    What the abstract states: deep reinforcement learning, and a reward at every pruning step. All
    else is a reconstruction. One pass over the groups, one action each. The state is the episode
    so far: index of the group, accuracy after its action and cost saved by then, three numbers
    per group, zeros for groups to come. The reward of every step is
    ``-beta * (max(1 - accuracy / T_acc, 0) + max(1 - saved / T_saved, 0))``, with the base
    model's accuracy and the budget as targets. Double DQN, one gradient step per step.

    On single weights a pass begins with the uncut model, and an action is a threshold of ``alpha``
    standard deviations: what lies below it goes. The thresholds are the authors' own
    (`PurlOptions.thresholds`). The budget is no wall, so a pass that ends above it is followed by a
    closing trial (see `StepwiseSampler`); so is the search.

    On channels such passes evaluate mostly plans over the budget, and lost to random search. There
    a pass begins at the best plan so far, at first the allocation or the uniform plan; an action
    is a factor on the group's keep ratio, and every plan is completed to the budget before it is
    scored (ours). ``around: false`` brings the other reading back: a threshold removes the share
    of units that it would remove of normally distributed weights, erf(alpha / sqrt(2)).

    Args:
        problem: what is searched.
        seed: fixes all random choices.
        trials: how long the search will be.
        options: PuRL's numbers.

    Attributes:
        alphas: thresholds that actions stand for, where it cuts.
        passes: episodes that were walked to their end.
        satisfied: those of them that met both targets.
    """

    options: PurlOptions

    def __init__(
        self, problem: SearchProblem, seed: int, trials: int, options: PurlOptions | None = None
    ) -> None:
        options = options or PurlOptions()
        groups = len(problem.groups)
        weights = problem.above is not None
        self.alphas = options.thresholds(problem.target, weights=weights)
        self._around = options.around and not weights
        self._past = np.zeros((groups, 3), np.float32)
        self.passes = self.satisfied = 0
        actions = len(options.factors if self._around else self.alphas)
        super().__init__(problem, seed, trials, options, 3 * groups, actions)
        self._start(self.restart())

    def epsilon(self) -> float:
        """From 1 along a line to `last_epsilon`, by the share of trials that are done."""
        done = self.finished / max(1.0, self.options.exploration * self.trials)
        return max(self.options.last_epsilon, 1 - done * (1 - self.options.last_epsilon))

    def observe(self) -> np.ndarray:
        """The episode so far."""
        return self._past.flatten()

    def changed(self, action: int) -> Widths:
        """A factor on the group's keep ratio, brought to the budget; else a cut."""
        if not self._around:
            return super().changed(action)
        ratios = keep_ratios(self.problem, self.widths)
        ratios[self.group] = min(1.0, ratios[self.group] * self.options.factors[action])
        return fit_to_budget(self.problem, ratios)

    def keep(self, group: str, width: int, action: int) -> float:
        """What is left above the threshold."""
        alpha = self.alphas[action]
        if self.problem.above is not None:
            return self.problem.above(group, alpha)
        return width * (1 - math.erf(alpha / math.sqrt(2)))

    def judge(self, before: Known, after: Known) -> Judgement:
        """How far the plan is from both targets."""
        groups, saved = len(self.problem.groups), 1 - after.cost
        self._past[self.steps - 1] = self.steps / groups, after.value, saved
        short = max(1 - after.value / self._wanted(), 0.0)
        # A budget of the base's own cost or more asks for nothing to be saved.
        wanted = 1 - self.problem.target
        over_budget = max(1 - saved / wanted, 0.0) if wanted > 0 else 0.0
        last = self.steps == groups
        self.passes += last
        self.satisfied += last and short == over_budget == 0
        return Judgement(-self.options.beta * (short + over_budget), last, last)

    def restart(self) -> Widths:
        """The best plan within the budget, at first the allocation; else the base model."""
        self._past[:] = 0
        if not self._around:
            return dict(self.problem.full)
        best = self.best_within(self.problem.target)
        if best is not None:
            return best
        if self.problem.curves is not None:
            return Allocator(self.problem).widths()
        return fit_to_budget(self.problem, keep_ratios(self.problem, self.problem.full))

    def closes(self, *, over: bool) -> float | None:
        """The budget, where a pass or the search ends above it."""
        if self._around:
            return None
        last = self.finished >= self.trials - 1
        above = self.at is not None and self.at.cost > self.problem.target
        return self.problem.target if (over or last) and above else None

    def state_dict(self) -> dict[str, Any]:
        """With the episode so far."""
        past = torch.from_numpy(self._past.copy())
        counts = {"passes": self.passes, "satisfied": self.satisfied}
        return {**super().state_dict(), "past": past, **counts}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on exactly where `state_dict` was called."""
        super().load_state_dict(state)
        self._past = state["past"].numpy().copy()
        self.passes, self.satisfied = state["passes"], state["satisfied"]

    def _wanted(self) -> float:
        base = self.known.get(self.problem.key(self.problem.full))
        value = base.value if base is not None and base.value > 0 else 1.0
        return self.options.target_accuracy * value

"""Knapsack: the allocation of measured curves, then a search over its coefficients."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState

from edgeprune.search.allocation import Allocator
from edgeprune.search.problem import Key, SearchProblem, Widths
from edgeprune.search.reward_noise import LATENCY_RATIO
from edgeprune.search.samplers.base import WidthSampler, seen_keys
from edgeprune.search.samplers.knapsack_options import KnapsackOptions
from edgeprune.search.sources import Floats

#: Changes of coefficients that may lead to known candidates before a neighbour is taken instead:
#: each is solved anew, which takes as long as some evaluations.
_TRIES = 4


class KnapsackSampler(WidthSampler):
    """Allocation by sensitivity curves, and SPDY's search over its coefficients.

    The first trials evaluate the allocation (`Allocator`): the widths, removed branches included,
    that minimise the summed loss within the budget. It is solved again after every measurement,
    because those correct the cost, until nothing changes, with one factor and another on what
    removing branches costs: each is measured alone, and several hurt more than their sum. What
    follows is the search of "SPDY:
    Accurate Pruning with Speedup Guarantees" (Frantar & Alistarh, ICML 2022, section 3.3): each
    group's loss is multiplied by a coefficient, first random ones, then changes of the best
    coefficients so far in a share of the groups that shrinks to one; a change that helps stays.

    Differences, for reasons: losses are measured where the problem has curves, so coefficients
    are log-normal around 1 and not uniform in [0, 1]; the cost is no sum; a score is a whole
    trial, so that the share shrinks with the trials done instead of after failures.

    Of a trial it takes the value and, from the user attributes, the measured latency ratio
    (`edgeprune.search.reward_noise.LATENCY_RATIO`): what was measured over the budget is no
    candidate for the best.

    Args:
        problem: what is searched.
        seed: fixes all random choices.
        trials: how long the search will be.
        options: its numbers.

    Attributes:
        coefficients: logarithms of the best known coefficients, float64 (groups + 1,), the last
            one of the factor on removing branches; 0 at first.
    """

    def __init__(
        self,
        problem: SearchProblem,
        seed: int,
        trials: int,
        options: KnapsackOptions | None = None,
    ) -> None:
        super().__init__(problem, seed)
        self.options = options or KnapsackOptions()
        self.coefficients: Floats = np.zeros(len(problem.groups) + 1)
        self._removals = self.options.removal if problem.branches else (1.0,)
        self._trials = trials
        self._allocator = Allocator(problem)
        self._best = -math.inf
        self._finished = 0
        self._corrected = 0
        self._open: dict[int, Floats] = {}

    def propose(self, study: Study, trial: FrozenTrial) -> Widths:
        """The allocation while it changes; then that of other coefficients."""
        seen = seen_keys(self.problem, study)
        unchanged = 0
        while self._corrected < self.options.corrections:
            removal = self._removals[self._corrected % len(self._removals)]
            self._corrected += 1
            widths = self._allocator.widths(removal=removal)
            if self.problem.key(widths) not in seen:
                plain = np.zeros(len(self.problem.groups) + 1)
                plain[-1] = math.log(removal)
                self._open[trial.number] = plain
                return widths
            unchanged += 1
            if unchanged == len(self._removals):
                self._corrected = self.options.corrections
        return self._other(trial.number, seen)

    def after_trial(
        self,
        study: Study,
        trial: FrozenTrial,
        state: TrialState,
        values: Sequence[float] | None,
    ) -> None:
        """Keep coefficients that did better within the budget (Optuna's interface)."""
        coefficients = self._open.pop(trial.number, None)
        if state != TrialState.COMPLETE or not values:
            return
        self._finished += 1
        measured = trial.user_attrs.get(LATENCY_RATIO, 0.0)
        inside = self.problem.exact or measured <= self.problem.target
        if coefficients is not None and inside and values[0] > self._best:
            self._best, self.coefficients = float(values[0]), coefficients

    def state_dict(self) -> dict[str, Any]:
        """The best coefficients, counts and the random generator; no trial that is running."""
        return {
            **super().state_dict(),
            "coefficients": torch.from_numpy(self.coefficients.copy()),
            "best": self._best,
            "finished": self._finished,
            "corrected": self._corrected,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on exactly where `state_dict` was called."""
        super().load_state_dict(state)
        self.coefficients = state["coefficients"].numpy().copy()
        self._best, self._finished = state["best"], state["finished"]
        self._corrected = state["corrected"]
        self._open.clear()

    def _other(self, number: int, seen: set[Key]) -> Widths:
        """The allocation of changed coefficients, changed again where it is known."""
        widths: Widths = {}
        changed = self.coefficients
        for _ in range(_TRIES):
            changed = self._changed(changed)
            *factors, removal = np.exp(changed).tolist()
            coefficients = dict(zip(self.problem.groups, factors, strict=True))
            widths = self._allocator.widths(coefficients, removal=removal)
            if self.problem.key(widths) not in seen:
                break
        self._open[number] = changed
        return widths

    def _changed(self, start: Floats) -> Floats:
        """All coefficients anew in the random part of the search, then fewer and fewer of them."""
        groups = len(start)
        first = min(self.options.corrections, self._trials)
        random = first + self.options.random * (self._trials - first)
        drawn = self.options.spread * self.rng.standard_normal(groups)
        drawn[-1] += math.log(float(np.median(self._removals)))
        if self._finished < random:
            return drawn
        done = (self._finished - random) / max(1.0, self._trials - random)
        count = max(1, round(self.options.resampled * (1 - min(done, 1.0)) * groups))
        chosen = self.rng.permutation(groups)[:count]
        found = start.copy()
        found[chosen] = drawn[chosen]
        return found

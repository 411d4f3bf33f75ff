"""Knapsack: the allocation of measured curves, then a search over its coefficients."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState

from edgeprune.search.allocation import Allocator
from edgeprune.search.allocation_costs import Costs
from edgeprune.search.problem import SearchProblem, Widths
from edgeprune.search.promise import promise
from edgeprune.search.reward_noise import LATENCY_RATIO
from edgeprune.search.samplers.base import WidthSampler
from edgeprune.search.samplers.knapsack.options import KnapsackOptions
from edgeprune.search.samplers.seen import Seen, seen_keys
from edgeprune.search.sources import Floats

#: Changes of coefficients that may lead to known candidates before a neighbour is taken instead:
#: each is solved anew, which takes as long as some evaluations.
_TRIES = 4


class KnapsackSampler(WidthSampler):
    """Allocation by sensitivity curves, and SPDY's search over its coefficients.

    The first trials evaluate the allocation (`Allocator`): the widths, removed branches included,
    that minimise the summed loss within the budget, with one worth of capacity and another. It is
    solved again after every measurement, because those correct the cost, until nothing changes.
    What follows is the search of "SPDY: Accurate Pruning with Speedup Guarantees" (Frantar &
    Alistarh, ICML 2022, section 3.3): each group's loss is multiplied by a coefficient, first
    random ones, then changes of the best coefficients so far in a share of the groups that shrinks
    to one; a change that helps stays.

    Differences, for reasons: losses are measured where the problem has curves, so coefficients
    are log-normal around 1 and not uniform in [0, 1]; the cost is no sum; a score is a whole
    trial, so that the share shrinks with the trials done instead of after failures; and a trial
    without fine-tuning does not say what fine-tuning will make of it, so that the best by each of
    several promises (`edgeprune.search.promise`) are changed in turns.

    Of a trial it takes the value and, from the user attributes, the measured latency ratio
    (`edgeprune.search.reward_noise.LATENCY_RATIO`): what was measured over the budget is no
    candidate for the best.

    Args:
        problem: what is searched.
        seed: fixes all random choices.
        trials: how long the search will be.
        options: its numbers.

    Attributes:
        best: by promise, the highest one so far.
        coefficients: by promise, logarithms of the coefficients of its best trial; the last entry
            is the worth of capacity. float64 (promises, groups + 1); 0 at first.
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
        self.coefficients: Floats = np.zeros((len(problem.worths), len(problem.groups) + 1))
        self.best: Floats = np.full(len(problem.worths), -math.inf)
        self._trials = trials
        self._allocator = Allocator(problem)
        self._costs = Costs(problem)
        self._finished = 0
        self._corrected = 0
        self._pause = 0
        self._doublings = 0
        self._open: dict[int, Floats] = {}

    def propose(self, study: Study, trial: FrozenTrial) -> Widths:
        """The allocation while it changes; then that of other coefficients."""
        seen = seen_keys(self.problem, study)
        self._costs = Costs(self.problem)  # they change with the outcomes before this proposal
        if self._finished >= self._pause:
            widths = self._corrected_anew(trial.number, seen)
            if widths is not None:
                return widths
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
        if coefficients is None or not inside:
            return
        macs = self.problem.macs({group: trial.params[group] for group in self.problem.groups})
        for place, worth in enumerate(self.problem.worths):
            promised = promise(float(values[0]), macs, worth)
            if promised > self.best[place]:
                self.best[place], self.coefficients[place] = promised, coefficients

    def state_dict(self) -> dict[str, Any]:
        """The best coefficients, counts, the random generator, and what is under evaluation."""
        return {
            **super().state_dict(),
            "coefficients": torch.from_numpy(self.coefficients.copy()),
            "best": torch.from_numpy(self.best.copy()),
            "finished": self._finished,
            "corrected": self._corrected,
            "pause": self._pause,
            "doublings": self._doublings,
            "open": {number: torch.from_numpy(one.copy()) for number, one in self._open.items()},
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on exactly where `state_dict` was called."""
        super().load_state_dict(state)
        self.coefficients = state["coefficients"].numpy().copy()
        self.best = state["best"].numpy().copy()
        self._finished, self._corrected = state["finished"], state["corrected"]
        self._pause, self._doublings = state["pause"], state["doublings"]
        opened = state["open"]
        self._open = {number: one.numpy().copy() for number, one in opened.items()}

    @property
    def _begun(self) -> int:
        """Trials that are finished, and those of its own that are under evaluation."""
        return self._finished + len(self._open)

    def _corrected_anew(self, number: int, seen: Seen) -> Widths | None:
        """The plain allocation by the cost as it is known now; None once it changes no more.

        Where others are under evaluation, whose answers may still correct the cost, it is looked
        at once more when they are there.
        """
        unchanged = 0
        while self._corrected < self.options.corrections:
            plain = np.zeros(len(self.problem.groups) + 1)
            plain[-1] = self.options.capacity[self._corrected % len(self.options.capacity)]
            self._corrected += 1
            widths = self._allocation(plain)
            if self.problem.key(widths) not in seen:
                self._open[number] = plain
                return widths
            unchanged += 1
            if unchanged == len(self.options.capacity):
                if seen.running and not self._pause:
                    self._corrected -= unchanged
                    self._pause = self._finished + len(seen.running)
                    return None
                self._corrected = self.options.corrections
        return None

    def _other(self, number: int, seen: Seen) -> Widths:
        """The allocation of changed coefficients, changed again where it is known."""
        widths: Widths = {}
        changed = self.coefficients[self._begun % len(self.problem.worths)]
        for attempt in range(_TRIES):
            changed = self._changed(changed, attempt)
            widths = self._allocation(changed)
            if self.problem.key(widths) not in seen:
                # A little less may do as well, where this was enough at once.
                self._doublings = max(0, self._doublings - (attempt == 0))
                break
            self._doublings = min(self._doublings + 1, len(changed).bit_length())
        self._open[number] = changed
        return widths

    def _allocation(self, coefficients: Floats) -> Widths:
        *logarithms, capacity = coefficients.tolist()
        factors = dict(zip(self.problem.groups, np.exp(logarithms).tolist(), strict=True))
        return self._allocator.widths(factors, capacity=capacity, costs=self._costs)

    def _changed(self, start: Floats, attempt: int = 0) -> Floats:
        """All coefficients anew in the random part of the search, then fewer and fewer of them.

        What led to plans that are known was too small a change: more of them, until it does not.

        Args:
            start: what is changed.
            attempt: how often that led to a known plan for this proposal: the further off it goes.
                Where few widths are useful, most coefficients lead to the same few plans.
        """
        size = len(start)
        first = min(self.options.corrections, self._trials)
        random = first + self.options.random * (self._trials - first)
        drawn = self.options.spread * (1 + attempt) * self.rng.standard_normal(size)
        drawn[-1] = self.rng.choice(self.options.capacity)
        if self._begun < random:
            return drawn
        done = (self._begun - random) / max(1.0, self._trials - random)
        count = max(1, round(self.options.resampled * (1 - min(done, 1.0)) * size))
        chosen = self.rng.permutation(size)[: count << self._doublings]
        found = start.copy()
        found[chosen] = drawn[chosen]
        return found

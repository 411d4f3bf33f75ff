"""AMC with a critic of whole plans: one step an episode, and the best of many sparse changes."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState

from edgeprune.search.allocation import Allocator
from edgeprune.search.allocation_losses import SummedLoss
from edgeprune.search.fitting import asked_ratios, fit_to_budget
from edgeprune.search.problem import Key, SearchProblem, Widths
from edgeprune.search.reward_noise import LATENCY_RATIO
from edgeprune.search.samplers.amc.best import Best
from edgeprune.search.samplers.amc.ensemble import Ensemble
from edgeprune.search.samplers.amc.options import AmcOptions
from edgeprune.search.samplers.base import WidthSampler
from edgeprune.search.samplers.seen import seen_keys
from edgeprune.search.sources import Floats

#: The best plans so far that are changed, and changes that the critics compare for one trial.
_PARENTS = 5
_CHANGES = 24
#: Most trials that critics are fitted to: a search of thousands must not get slower and slower.
_LEARNT = 512
#: Share of a plan's groups that a change touches: at first, and at the end of the search.
_TOUCHED = (0.4, 0.1)
#: Deviation of the logarithm of a keep ratio that is changed; how often a branch changes sides.
_CHANGE, _FLIP = 0.4, 0.15
#: Standard deviations of the critics that are added to their mean: at first, and at the end.
_CURIOUS = (1.0, 0.0)
#: A search has come to that end after so many trials at the latest, however long it is.
_NARROWED = 80


class PlanSampler(WidthSampler):
    """AMC's search with a *plan-level* critic in place of DDPG (ours; `AmcOptions.critic`).

    DDPG's critic has to find out which of an episode's steps its one reward came from, which 80
    episodes do not tell. Here an episode is one step and the action is the whole plan: critics
    (`Ensemble`) are fitted to all trials, and of many sparse changes of the best plans so far the
    one that they promise most of is evaluated. They see a plan's keep ratios, the logarithm of its
    MACs and, where there are curves, its summed loss. As a reward without fine-tuning does not say
    what fine-tuning will make of a plan, what is best is asked by each of several promises
    (`edgeprune.search.promise`) in turns.

    With curves the first plan is the allocation, and the warm-up lies around the best plans;
    without them it draws keep ratios at random. Plans that were enqueued (allocations,
    uniform-L1) are learnt from like its own. Changes get smaller, and the critics less curious,
    over 80 trials at most: longer searches that stayed curious longer ended behind local search.

    Args:
        problem: what is searched.
        seed: fixes all random choices.
        trials: how long the search will be.
        options: `warmup` alone is looked at.
    """

    def __init__(
        self,
        problem: SearchProblem,
        seed: int,
        trials: int,
        options: AmcOptions | None = None,
    ) -> None:
        super().__init__(problem, seed)
        self._seed, self._narrowed = seed, min(trials, _NARROWED)
        self._warmup = (options or AmcOptions()).resolved(self._narrowed).warmup or 0
        self._loss = None if problem.curves is None else SummedLoss(problem, problem.curves)
        self._forget()

    def propose(self, study: Study, trial: FrozenTrial) -> Widths:
        """The most promising change of the best plans so far."""
        seen = seen_keys(self.problem, study)
        self._begun = len(self._rewards) + len(seen.running)
        place = self._begun % len(self.problem.worths)
        worth = self.problem.worths[place]
        warm = self._begun < self._warmup or not self._rewards
        parents = [self._ratios[one] for one in self._best[place].places]
        if not parents and self._loss is not None:
            if not seen.running:
                return Allocator(self.problem).widths()
            parents = [self._of_key(key) for key in sorted(seen.running)]
        if not parents or (warm and self._loss is None):
            return self._fitted(self.rng.uniform(0.0, 1.0, len(self.problem.groups)))
        changed = [self._changed(parents) for _ in range(1 if warm else _CHANGES)]
        fresh = [one for one in changed if self.problem.key(one) not in seen]
        if len(fresh) < 2:
            return (fresh or changed)[0]
        learnt = self._learnt_from()
        known = np.array([self._inputs[one] for one in learnt])
        rewards = np.array([self._rewards[one] for one in learnt])
        critics = Ensemble(known, rewards, self._seed + len(self._rewards))
        inputs = np.array([self._input(self._of(widths)) for widths in fresh])
        mean, deviation = critics.predict(inputs)
        promised = mean + worth * inputs[:, len(self.problem.groups)]
        return fresh[int(np.argmax(promised + self._now(_CURIOUS) * deviation))]

    def after_trial(
        self,
        study: Study,
        trial: FrozenTrial,
        state: TrialState,
        values: Sequence[float] | None,
    ) -> None:
        """Learn from a finished trial, whoever proposed it (Optuna's interface)."""
        if state != TrialState.COMPLETE or not values:
            return
        measured = trial.user_attrs.get(LATENCY_RATIO, 0.0)
        inside = self.problem.exact or measured <= self.problem.target
        self._take_in(self._of(trial.params), float(values[0]), inside)

    def _take_in(self, ratios: Floats, reward: float, inside: bool) -> None:
        place, inputs = len(self._rewards), self._input(ratios)
        self._ratios.append(ratios)
        self._rewards.append(reward)
        self._inside.append(inside)
        self._inputs.append(inputs)
        capacity = float(inputs[len(self.problem.groups)])
        for best, worth in zip(self._best, self.problem.worths, strict=True):
            best.add((inside, reward + worth * capacity), place)
        self._good.add((inside, reward), place)

    def state_dict(self) -> dict[str, Any]:
        """All plans with their rewards: the critics are fitted to them anew for each trial."""
        groups = len(self.problem.groups)
        return {
            **super().state_dict(),
            "ratios": torch.from_numpy(np.array(self._ratios).reshape(-1, groups)),
            "rewards": list(self._rewards),
            "inside": list(self._inside),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on exactly where `state_dict` was called."""
        super().load_state_dict(state)
        self._forget()
        told = zip(state["ratios"].numpy().copy(), state["rewards"], state["inside"], strict=True)
        for ratios, reward, inside in told:
            self._take_in(ratios, reward, inside)

    def _forget(self) -> None:
        self._ratios: list[Floats] = []
        self._rewards: list[float] = []
        self._inside: list[bool] = []
        self._inputs: list[Floats] = []
        # Those within the budget come first, then the better ones.
        self._best = [Best(_PARENTS) for _ in self.problem.worths]
        self._good = Best(_LEARNT // 2)
        self._begun = 0

    def _learnt_from(self) -> Sequence[int]:
        """Places of the trials that critics are fitted to: all, or the best and the newest."""
        told = len(self._rewards)
        if told <= _LEARNT:
            return range(told)
        newest = range(told - _LEARNT // 2, told)
        return sorted({*self._good.places, *newest})

    def _changed(self, parents: Sequence[Floats]) -> Widths:
        """A sparse change of one of them, the better ones more often, brought to the budget."""
        rank = min(int(self.rng.geometric(0.4)) - 1, len(parents) - 1)
        ratios = parents[rank].copy()
        size = len(ratios)
        touched = self.rng.random(size) < self._now(_TOUCHED)
        touched[self.rng.integers(size)] = True
        factors = np.exp(_CHANGE * self.rng.standard_normal(size))
        ratios[touched] = np.clip(ratios[touched] * factors[touched], 0.0, 1.0)
        if self.problem.branches and self.rng.random() < _FLIP:
            branch = self.problem.branches[self.rng.integers(len(self.problem.branches))]
            places = [self.problem.groups.index(group) for group in branch]
            gone = ratios[places[0]] == 0
            ratios[places] = self.rng.uniform(0.3, 1.0) if gone else 0.0
        return self._fitted(ratios)

    def _fitted(self, ratios: Floats) -> Widths:
        named = dict(zip(self.problem.groups, ratios.tolist(), strict=True))
        return self.problem.tied(fit_to_budget(self.problem, asked_ratios(self.problem, named)))

    def _of(self, widths: Mapping[str, int]) -> Floats:
        full = self.problem.full
        return np.array([widths[group] / full[group] for group in self.problem.groups])

    def _of_key(self, key: Key) -> Floats:
        return self._of(dict(zip(self.problem.groups, key, strict=True)))

    def _input(self, ratios: Floats) -> Floats:
        """Keep ratios, the logarithm of the MACs, and the summed loss where there are curves."""
        loss = () if self._loss is None else (self._loss(self._widths(ratios)),)
        return np.array([*ratios, self._capacity(ratios), *loss])

    def _capacity(self, ratios: Floats) -> float:
        return math.log(max(self.problem.macs(self._widths(ratios)), 1.0))

    def _widths(self, ratios: Floats) -> Widths:
        return {
            group: round(ratio * self.problem.full[group])
            for group, ratio in zip(self.problem.groups, ratios.tolist(), strict=True)
        }

    def _now(self, ends: tuple[float, float]) -> float:
        done = min(self._begun / max(self._narrowed, 1), 1.0)
        return ends[0] + done * (ends[1] - ends[0])

"""History: AMC, helped by what was measured on the device before."""

import copy
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState

from edgeprune.search.filling import fill
from edgeprune.search.problem import SearchProblem, Widths
from edgeprune.search.promise import promise
from edgeprune.search.reward_noise import LATENCY_RATIO
from edgeprune.search.samplers.amc.critics import amc_sampler
from edgeprune.search.samplers.base import WidthSampler
from edgeprune.search.samplers.history.agent import PlanCritic
from edgeprune.search.samplers.history.assistant import (
    FEWEST_TRIALS,
    Assistant,
    coherent_models,
)
from edgeprune.search.samplers.history.options import HistoryOptions
from edgeprune.search.samplers.history.proposals import Proposals
from edgeprune.search.samplers.seen import Seen, seen_keys
from edgeprune.search.sources import Floats, SourceRun
from edgeprune.search.translation import best_points, comparable

#: Plans that are varied.
_PARENTS = 4


class HistorySampler(WidthSampler):
    """AMC with transfer, augmented transfer and assistant learning (Mu et al., TCAD 2024).

    The paper's abstract names the three; how they work below their names is reconstructed here.
    Each has a switch of its own in `HistoryOptions`:

    - *transfer*: an actor regressed on the best tenth of the nearest earlier search's plans
      proposes, with little noise (`Actor`), in states that mean the same in every network
      (`TransferWalk`); of its proposals and of variations of the best plans so far, a critic of
      whole plans picks (`PlanCritic`), which begins with that search's trials. Both learn from
      this search's trials as they come in;
    - *augmented*: the same with all earlier searches, with rewards standardised source by source;
    - *assistant*: a model of the earlier and the current trials picks in the critic's place
      (`Assistant`). Off: since the critic is one of whole plans, it picks worse than that;
    - *replay* (not the paper's): the best of earlier searches of the same network are evaluated
      first; with ``replay_others`` those of other networks too, translated by relative depth and
      kind of group. Off: variations of them keep the critic from the actor's own proposals.

    A DDPG agent that was trained on the sources, or started from their replay buffer, transferred
    nothing (docs/results.md): what it had learnt was about its own raw actions, and 0.5 of noise
    drowned it.

    As with `PlanSampler`, what is best is asked by each of several promises in turns.

    Earlier searches (`SearchProblem.sources`) have to earn trust. Those of networks with other
    kinds of groups (`comparable`) are left out, and those whose rewards do not follow from their
    own widths. When the trials of this search speak clearly against the others, all are dropped,
    and the search goes on as AMC's that has seen the same trials. Where there are curves, those
    tell more than searches of other networks do: AMC goes on by itself, and only the best of the
    same network's are replayed.

    Without any, this is `amc`, proposal for proposal, by the critic of `AmcOptions`. Short ones, of
    fewer than 8 trials, only have their best replayed.

    Args:
        problem: what is searched.
        seed: fixes all random choices.
        trials: how long the search will be.
        options: the switches and AMC's numbers.

    Attributes:
        trusted: names of the sources in use.
        predicted_reward: what the assistant expects of the newest proposal; None without one.
    """

    def __init__(
        self,
        problem: SearchProblem,
        seed: int,
        trials: int,
        options: HistoryOptions | None = None,
    ) -> None:
        super().__init__(problem, seed)
        self.history = options or HistoryOptions()
        self._seed, self._trials, self._finished = seed, trials, 0
        self._cold = amc_sampler(problem, seed, trials, self.history)
        sources = comparable(problem, problem.sources)
        if problem.curves is not None:
            sources = tuple(one for one in sources if self._same_network(one))
        earned = coherent_models(problem, sources)
        self._sources = [source for source, _ in earned]
        short = [one for one in sources if one.trials < FEWEST_TRIALS] if not earned else []
        self.trusted = tuple(one.name for one in (*self._sources, *short))
        self.predicted_reward: float | None = None
        self._model = Assistant(problem, [model for _, model in earned]) if earned else None
        self._queue: list[Widths] = []
        if self.history.replay:
            others = self.history.replay_others
            told = [one for one in self._sources if others or self._same_network(one)]
            wanted = self.history.replayed if self._sources else 1
            self._queue = best_points(problem, [*told, *short], wanted)
        self._replayed = 0
        self._proposals = Proposals(problem, self.history, seed)
        self._critic: PlanCritic | None = None
        learns = self.history.transfer or self.history.augmented
        if self._sources and learns and problem.curves is None:
            self._start_transferred()

    @property
    def last_actions(self) -> tuple[float, ...] | None:
        """Raw actions of the trial that AMC's own agent learnt from last, where there is one."""
        found: tuple[float, ...] | None = getattr(self._cold, "last_actions", None)
        return found

    def propose(self, study: Study, trial: FrozenTrial) -> Widths:
        """The best of earlier searches first; then what assistant or critic pick, or AMC's."""
        self.predicted_reward = None
        done = self._complete(study)
        if self._model is not None and self._model.trials != len(done):
            self._model.learn(*self._evaluated(done))
        if self._replayed < len(self._queue):
            self._replayed += 1
            widths = self._queue[self._replayed - 1]
            self._expect(widths)
            return widths
        judge = self._model if self.history.assistant else self._critic
        if judge is None:
            return self._cold.propose(study, trial)
        return self._picked(study, done, judge)

    def state_dict(self) -> dict[str, Any]:
        """AMC's, with what became of the sources; all else is in the study."""
        return {
            **super().state_dict(),
            "cold": self._cold.state_dict(),
            "finished": self._finished,
            "replayed": self._replayed,
            "doubted": self._model is None,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on exactly where `state_dict` was called."""
        if state["doubted"] and self._model is not None:
            self._drop()
        super().load_state_dict(state)
        self._cold.load_state_dict(state["cold"])
        self._finished, self._replayed = state["finished"], state["replayed"]

    def after_trial(
        self,
        study: Study,
        trial: FrozenTrial,
        state: TrialState,
        values: Sequence[float] | None,
    ) -> None:
        """Learn from a finished trial, about the sources too (Optuna's interface)."""
        self._cold.after_trial(study, trial, state, values)
        if state != TrialState.COMPLETE or not values:
            return
        self._finished += 1
        if self._model is None:
            return
        told = copy.copy(trial)
        told.values = list(values)
        others = [one for one in self._complete(study) if one.number != trial.number]
        self._model.learn(*self._evaluated([*others, told]))
        if self._model.refuted:
            self._drop()

    def _same_network(self, source: SourceRun) -> bool:
        return source.feature_names == self.problem.feature_names and np.array_equal(
            source.features, self.problem.features
        )

    def _start_transferred(self) -> None:
        nearest = min(self._sources, key=lambda one: abs(one.budget - self.problem.target))
        taught = self._sources if self.history.augmented else [nearest]
        for source in taught:
            self._proposals.teach(source)
        self._critic = PlanCritic(self.problem, taught, self._seed)

    def _drop(self) -> None:
        """The sources are not believed any more: AMC goes on by itself."""
        self.trusted, self._model, self._critic, self._queue = (), None, None, []

    def _picked(
        self, study: Study, done: list[FrozenTrial], judge: Assistant | PlanCritic
    ) -> Widths:
        """The candidate that is promised most of: proposed, or varied."""
        ratios, rewards = self._evaluated(done)
        if judge.trials != len(done):
            judge.learn(ratios, rewards)
        costs = np.array([float(one.user_attrs.get(LATENCY_RATIO, 0.0)) for one in done])
        candidates = self._proposals.drawn(self.rng, ratios, rewards, costs)
        known = [dict(one.params) for one in done]
        known = [widths for widths in known if self.problem.fits(widths)]
        # Only what was evaluated is varied: far from it a model of this many ratios is a guess.
        worth = self.problem.worths[len(done) % len(self.problem.worths)]
        parents = self._ranked(known, judge, 0.0, worth)[:_PARENTS]
        candidates += self._proposals.varied(self.rng, [self._ratios(one) for one in parents])
        left = max(0.0, 1 - self._finished / self._trials)
        ranked = self._ranked(candidates, judge, left * self.history.optimism, worth)
        filled = self._unknown(ranked, seen_keys(self.problem, study))
        self._expect(filled)
        return filled

    def _unknown(self, ranked: list[Widths], seen: Seen) -> Widths:
        """The first candidate that is unknown once it is filled, so."""
        for one in ranked:
            filled = fill(self.problem, one)
            if self.problem.key(filled) not in seen:
                return filled
        return fill(self.problem, ranked[0])

    def _ranked(
        self,
        candidates: list[Widths],
        judge: Assistant | PlanCritic,
        optimism: float,
        worth: float,
    ) -> list[Widths]:
        """The most promising first, with what their capacity is worth."""
        if not candidates:
            return []
        mean, deviation = judge.predict(np.array([self._ratios(one) for one in candidates]))
        promised = [
            promise(reward, max(self.problem.macs(one), 1.0), worth)
            for reward, one in zip((mean + optimism * deviation).tolist(), candidates, strict=True)
        ]
        order = np.argsort(-np.array(promised), kind="stable")
        return [candidates[place] for place in order]

    def _expect(self, widths: Widths) -> None:
        """Note what the assistant expects of these widths, once it can know."""
        if self.history.assistant and self._model is not None and self._model.trials:
            mean, _ = self._model.predict(self._ratios(widths)[None])
            self.predicted_reward = float(mean[0])

    def _complete(self, study: Study) -> list[FrozenTrial]:
        """The finished trials that say something about all groups, in the order of numbers."""
        done = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
        told = [one for one in done if all(group in one.params for group in self.problem.groups)]
        return sorted(told, key=lambda one: one.number)

    def _evaluated(self, done: Sequence[FrozenTrial]) -> tuple[Floats, Floats]:
        """Keep ratios and rewards of finished trials, in the order of their numbers."""
        ordered = sorted(done, key=lambda one: one.number)
        rows = [self._ratios(one.params) for one in ordered]
        table = np.array(rows).reshape(len(rows), len(self.problem.groups))
        return table, np.array([float(one.value or 0.0) for one in ordered])

    def _ratios(self, widths: Mapping[str, int]) -> Floats:
        return np.array([widths[g] / self.problem.full[g] for g in self.problem.groups])

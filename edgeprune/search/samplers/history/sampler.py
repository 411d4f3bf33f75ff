"""History: AMC's agent, helped by what was measured on the device before."""

import copy
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState

from edgeprune.search.filling import fill
from edgeprune.search.fitting import fit_to_budget
from edgeprune.search.problem import Key, SearchProblem, Widths
from edgeprune.search.samplers.amc.agent import Agent
from edgeprune.search.samplers.amc.episode import Episode, Walk
from edgeprune.search.samplers.amc.sampler import AmcSampler
from edgeprune.search.samplers.history.agent import Pool, transferred_agent
from edgeprune.search.samplers.history.assistant import Assistant, coherent_models
from edgeprune.search.samplers.history.options import HistoryOptions
from edgeprune.search.samplers.history.transfer_walk import TransferWalk
from edgeprune.search.samplers.seen import Seen, seen_keys
from edgeprune.search.sources import Floats, usable
from edgeprune.search.translation import best_points

#: Candidates that are varied, and the share of their groups that is.
_PARENTS = 4
_CHANGED = 0.3
#: Deviation of the logarithm of a keep ratio that is varied.
_CHANGE = 0.3


class HistorySampler(AmcSampler):
    """AMC with transfer, augmented transfer and assistant learning (Mu et al., TCAD 2024).

    The paper's abstract names the three; how they work below their names is reconstructed here.
    Each has a switch of its own in `HistoryOptions`:

    - *transfer*: the agent starts as it would have ended the nearest earlier search, explores
      less, and sees states that mean the same in every network (`TransferWalk`);
    - *augmented*: it starts from all earlier searches, pooled, with rewards standardised source
      by source and the latency that was reached in its state (`Pool`), by updates before the
      first trial;
    - *assistant*: a model of the earlier and the current trials picks which of many proposals is
      evaluated (`Assistant`); beside the agent's there are variations of the best known
      candidates;
    - *replay* (not the paper's): the best of earlier searches, translated by relative depth and
      kind of group, are evaluated first.

    Earlier searches (`SearchProblem.sources`) have to earn trust. One whose rewards do not follow
    from its own widths is left out. When the trials of this search speak clearly against those
    that are left, all are dropped, and the agent begins again as AMC's that has seen the same
    trials. Without any, this is `AmcSampler`, proposal for proposal. Short ones, of fewer than 8
    trials, only have their best replayed.

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
        self.history = options or HistoryOptions()
        sources = usable(problem.sources)
        earned = coherent_models(problem, sources)
        # What sources say is about keep ratios, and picking from many allocations would be slow.
        cold = self.history.model_copy(update={"relative": False}) if earned else self.history
        super().__init__(problem, seed, trials, cold)
        self._seed, self._trials = seed, trials
        self._cold_options = self.options
        self._sources = [source for source, _ in earned]
        short = [one for one in sources if one.trials < 8] if not earned else []
        self.trusted = tuple(one.name for one in (*self._sources, *short))
        self.predicted_reward: float | None = None
        self._model = Assistant(problem, [model for _, model in earned]) if earned else None
        self._queue: list[Widths] = []
        if self.history.replay:
            wanted = self.history.replayed if self._sources else 1
            self._queue = best_points(problem, [*self._sources, *short], wanted)
        self._replayed = 0
        self._own: list[tuple[Episode, float]] = []
        self._pool: Pool | None = None
        self._transferred = bool(earned) and (self.history.transfer or self.history.augmented)
        if self._transferred:
            self._start_transferred()

    def propose(self, study: Study, trial: FrozenTrial) -> Widths:
        """The best of earlier searches first; then the agent's, or what the assistant picks."""
        self.predicted_reward = None
        done = self._complete(study)
        if self._model is not None and self._model.trials != len(done):
            self._model.learn(*self._evaluated(done))
        if self._replayed < len(self._queue):
            self._replayed += 1
            widths = self._queue[self._replayed - 1]
            if self._model is not None:
                self._expected(widths, self._model)
            return widths
        if self._model is None or not self.history.assistant:
            return super().propose(study, trial)
        return self._picked(study, trial, self._model)

    def state_dict(self) -> dict[str, Any]:
        """As AMC's, with what became of the sources."""
        return {
            **super().state_dict(),
            "replayed": self._replayed,
            "doubted": self._model is None,
            "own": [
                (torch.from_numpy(one.states.copy()), list(one.actions), reward)
                for one, reward in self._own
            ],
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on exactly where `state_dict` was called."""
        if state["doubted"] and self._model is not None:
            self._start_cold()
        super().load_state_dict(state)
        self._replayed = state["replayed"]
        self._own = [
            (Episode(states.numpy(), list(actions), {}), reward)
            for states, actions, reward in state["own"]
        ]

    def after_trial(
        self,
        study: Study,
        trial: FrozenTrial,
        state: TrialState,
        values: Sequence[float] | None,
    ) -> None:
        """Learn from a finished trial, about the sources too (Optuna's interface)."""
        super().after_trial(study, trial, state, values)
        if self._model is None or state != TrialState.COMPLETE or not values:
            return
        told = copy.copy(trial)
        told.values = list(values)
        others = [one for one in self._complete(study) if one.number != trial.number]
        ratios, rewards = self._evaluated([*others, told])
        self._model.learn(ratios, rewards)
        if self._model.refuted:
            self._start_cold()
            self._catch_up(ratios, rewards)

    def _take_in(self, episode: Episode, reward: float) -> None:
        if self._pool is None:
            super()._take_in(episode, reward)
            return
        self._own.append((episode, reward))
        episodes, rewards = zip(*self._own, strict=True)
        self._pool.fill(self._agent, episodes, np.array(rewards))
        self._agent.learn(self.options.updates * len(episode.actions))

    def _start_transferred(self) -> None:
        options = self.history.transferred(self._trials)
        wanted, walk = self.problem.feature_names, TransferWalk(self.problem)
        nearest = min(self._sources, key=lambda one: abs(one.budget - self.problem.target))
        if self.history.augmented:
            longest = max(len(self.problem.groups), *(len(one.features) for one in self._sources))
            agent = Agent(walk.state_size, longest, options, self._seed)
            self._pool = Pool(self._sources, wanted)
            self._pool.fill(agent, [], np.empty(0))
            agent.learn(self.history.offline_updates)
        else:
            agent = transferred_agent(nearest, wanted, options, walk.state_size, self._seed)
            agent.restart()
        self.options, self._walk, self._agent = options, walk, agent

    def _start_cold(self) -> None:
        """As AMC would have started; the sources are dropped."""
        self.trusted, self._model, self._pool, self._queue = (), None, None, []
        self._own = []
        self._open.clear()
        if self._transferred:
            walk = Walk(self.problem, identity=self._cold_options.identity)
            agent = Agent(walk.state_size, len(self.problem.groups), self._cold_options, self._seed)
            self.options, self._walk, self._agent = self._cold_options, walk, agent

    def _catch_up(self, ratios: Floats, rewards: Floats) -> None:
        """Let a new agent remember the trials so far."""
        if not self._transferred:
            return
        for row, reward in zip(ratios, rewards, strict=True):
            episode = self._walk.retrace(self._widths(row))
            self._agent.remember(episode.states, episode.actions, float(reward))

    def _picked(self, study: Study, trial: FrozenTrial, model: Assistant) -> Widths:
        """The candidate that the assistant thinks most of: proposed, or varied."""
        policy = self._draw if self.history.proposer == "random" else self._explore
        episodes = {}
        for _ in range(self.history.proposals):
            episode = self._walk.act(policy, wall=self.options.wall)
            # Filled once it is picked: filling 32 candidates would take longer than a trial.
            widths = fit_to_budget(self.problem, self._allowed(episode.actions), fill=False)
            episodes[self.problem.key(widths)] = episode
        known = [dict(one.params) for one in self._complete(study)]
        known = [widths for widths in known if self.problem.fits(widths)]
        candidates = [self._by_key(key) for key in episodes]
        # Only what was evaluated is varied: far from it a model of this many ratios is a guess.
        candidates += self._variations(self._ranked(known, model, 0.0)[:_PARENTS])
        left = max(0.0, 1 - self._finished / self._trials)
        ranked = self._ranked(candidates, model, left * self.history.optimism)
        chosen, filled = self._unknown(ranked, seen_keys(self.problem, study))
        self._expected(filled, model)
        if self.problem.key(chosen) in episodes:
            self._open[trial.number] = episodes[self.problem.key(chosen)]
        return filled

    def _unknown(self, ranked: list[Widths], seen: Seen) -> tuple[Widths, Widths]:
        """The first candidate that is unknown once it is filled, and filled."""
        for one in ranked:
            filled = fill(self.problem, one)
            if self.problem.key(filled) not in seen:
                return one, filled
        return ranked[0], fill(self.problem, ranked[0])

    def _ranked(self, candidates: list[Widths], model: Assistant, optimism: float) -> list[Widths]:
        """The most promising first."""
        if not candidates:
            return []
        mean, deviation = model.predict(np.array([self._ratios(one) for one in candidates]))
        order = np.argsort(-(mean + optimism * deviation), kind="stable")
        return [candidates[place] for place in order]

    def _variations(self, parents: list[Widths]) -> list[Widths]:
        """Candidates that differ from these in some groups."""
        found = []
        for place in range(self.history.variations if parents else 0):
            ratios = self._ratios(parents[place % len(parents)])
            changed = self.rng.uniform(size=len(ratios)) < _CHANGED
            ratios = ratios * np.exp(_CHANGE * changed * self.rng.standard_normal(len(ratios)))
            named = dict(zip(self.problem.groups, map(float, ratios), strict=True))
            found.append(fit_to_budget(self.problem, named, fill=False))
        return found

    def _by_key(self, key: Key) -> Widths:
        return dict(zip(self.problem.groups, key, strict=True))

    def _expected(self, widths: Widths, model: Assistant) -> None:
        """Note what the assistant expects of these widths, once it can know."""
        if self.history.assistant and model.trials:
            mean, _ = model.predict(self._ratios(widths)[None])
            self.predicted_reward = float(mean[0])

    def _draw(self, state: np.ndarray) -> float:
        return float(self.rng.uniform())

    def _complete(self, study: Study) -> list[FrozenTrial]:
        """The finished trials of a study that say something about all groups."""
        done = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
        return [one for one in done if all(group in one.params for group in self.problem.groups)]

    def _evaluated(self, done: Sequence[FrozenTrial]) -> tuple[Floats, Floats]:
        """Keep ratios and rewards of finished trials, in the order of their numbers."""
        ordered = sorted(done, key=lambda one: one.number)
        rows = [self._ratios(one.params) for one in ordered]
        table = np.array(rows).reshape(len(rows), len(self.problem.groups))
        return table, np.array([float(one.value or 0.0) for one in ordered])

    def _ratios(self, widths: Mapping[str, int]) -> Floats:
        return np.array([widths[g] / self.problem.full[g] for g in self.problem.groups])

    def _widths(self, ratios: Floats) -> Widths:
        full = self.problem.full
        pairs = zip(self.problem.groups, ratios, strict=True)
        return {group: round(float(ratio) * full[group]) for group, ratio in pairs}

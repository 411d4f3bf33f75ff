"""What PuRL and QLP share: an episode cuts one group a step, and every step is evaluated."""

import abc
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState

from edgeprune.search.fitting import fit_to_budget, keep_ratios
from edgeprune.search.journal import SET_ASIDE
from edgeprune.search.problem import Key, SearchProblem, Widths
from edgeprune.search.reward_noise import LATENCY_RATIO
from edgeprune.search.samplers.base import WidthSampler
from edgeprune.search.samplers.stepwise.agent import QAgent
from edgeprune.search.samplers.stepwise.options import AgentOptions

#: Passes over all groups that may be walked through known candidates for one proposal.
_KNOWN_PASSES = 10


@dataclass(frozen=True)
class Known:
    """What an evaluation said: the trial's value, and its cost as a ratio to the base model."""

    value: float
    cost: float


@dataclass(frozen=True)
class Judgement:
    """What a step earned, and whether its episode ends with it.

    Attributes:
        reward: of this step.
        over: the episode ends.
        terminal: it ends because nothing can follow, not because its time is up.
    """

    reward: float
    over: bool
    terminal: bool


class StepwiseSampler(WidthSampler):
    """A deep-Q agent that cuts group after group and hears the accuracy after every cut.

    One trial is one evaluated step: the candidate of a partial plan. A step whose candidate was
    evaluated before (an action that removes nothing; the beginning of every episode) costs no
    trial: its outcome is remembered, the agent learns from it and acts again. The first trial is
    the uncut model, which rewards are relative to.

    Partial plans are above the budget, so an episode may end with a *closing* trial that is no
    action and is not learnt from: what it left, scaled to the budget.

    The value of a trial stands for the accuracy (the reward ``accuracy`` gives just that); the
    cost is the measured latency ratio where the study holds it, else the problem's own (which is
    all there is where the problem's cost is exact).
    Instead, `completed_to` may have every partial plan completed to a cost before it is evaluated;
    then each trial is a candidate of that cost, and the agent hears what a cut is worth there.
    Widths that come from elsewhere are remembered; the episode waits for its own step. A step that
    failed ends its episode; where an episode begins, the mean of what is known takes its place.

    Args:
        problem: what is searched.
        seed: fixes all random choices.
        trials: how long the search will be.
        options: of the agent.
        state_size: length of an observation.
        actions: number of actions.
    """

    def __init__(
        self,
        problem: SearchProblem,
        seed: int,
        trials: int,
        options: AgentOptions,
        state_size: int,
        actions: int,
    ) -> None:
        super().__init__(problem, seed)
        self.options = options
        self.trials = trials
        self.agent = QAgent(state_size, actions, options, seed)
        self.actions = actions
        self.known: dict[Key, Known] = {}
        self._set_aside = 0
        self._pending: Widths | None = None
        self._plan: Widths = dict(problem.full)
        self._chosen: tuple[np.ndarray, int] | None = None
        self._closing = False
        self.at: Known | None = None
        self.steps: int = 0
        self._start(dict(problem.full))

    @abc.abstractmethod
    def epsilon(self) -> float:
        """Share of random actions now."""

    @abc.abstractmethod
    def observe(self) -> np.ndarray:
        """What the agent sees before it acts on the next group, float32 (state_size,)."""

    @abc.abstractmethod
    def keep(self, group: str, width: int, action: int) -> float:
        """Wanted width of a group after an action on it."""

    @abc.abstractmethod
    def judge(self, before: Known, after: Known) -> Judgement:
        """What the step that led from one outcome to the next earned."""

    @abc.abstractmethod
    def restart(self) -> Widths:
        """Where the next episode begins."""

    @abc.abstractmethod
    def closes(self, *, over: bool) -> float | None:
        """The cost to which the plan is to be scaled now, if it is.

        Args:
            over: the episode has ended.
        """

    def completed_to(self) -> float | None:
        """The cost to which partial plans are completed before they are evaluated; None: not."""
        return None

    @property
    def group(self) -> str:
        """The group that is visited next; visits go round and round."""
        return self.problem.groups[self.steps % len(self.problem.groups)]

    @property
    def finished(self) -> int:
        """Trials that have been told, without those set aside."""
        return len(self.known) - self._set_aside

    def propose(self, study: Study, trial: FrozenTrial) -> Widths:
        """Act until a step leads to a candidate that was never evaluated."""
        for _ in range(_KNOWN_PASSES * len(self.problem.groups)):
            if self._pending is None:
                self._plan = self._next()
                self._pending = self._completed(self._plan)
            known = self.known.get(self.problem.key(self._pending))
            if known is None:
                return dict(self._pending)
            self._arrive(self._plan, known)
        return dict(self._pending or self.widths)

    def after_trial(
        self,
        study: Study,
        trial: FrozenTrial,
        state: TrialState,
        values: Sequence[float] | None,
    ) -> None:
        """Learn from a step; a step that failed ends its episode (Optuna's interface)."""
        if any(group not in trial.params for group in self.problem.groups):
            return
        widths = {group: int(trial.params[group]) for group in self.problem.groups}
        key = self.problem.key(widths)
        complete = state == TrialState.COMPLETE and values is not None
        if complete and values is not None:
            cost = self.problem.cost(widths)
            if not self.problem.exact:
                cost = trial.user_attrs.get(LATENCY_RATIO, cost)
            self.known[key] = Known(float(values[0]), float(cost))
        elif state == TrialState.PRUNED or SET_ASIDE in trial.user_attrs:
            self._set_aside += SET_ASIDE in trial.user_attrs and key not in self.known
            self.known[key] = Known(math.nan, math.nan)
        if self._pending is None or key != self.problem.key(self._pending):
            return
        self._arrive(self._plan, self.known.get(key, Known(math.nan, math.nan)))

    def state_dict(self) -> dict[str, Any]:
        """Agent, memory, random generators and the open episode; no trial that is running."""
        groups = len(self.problem.groups)
        outcomes = [(one.value, one.cost) for one in self.known.values()]
        chosen = None
        if self._chosen is not None:
            chosen = (torch.from_numpy(self._chosen[0].copy()), self._chosen[1])
        return {
            **super().state_dict(),
            "agent": self.agent.state_dict(),
            "keys": torch.tensor(list(self.known), dtype=torch.int64).reshape(-1, groups),
            "outcomes": torch.tensor(outcomes, dtype=torch.float64).reshape(-1, 2),
            "set_aside": self._set_aside,
            "pending": self._pending,
            "plan": self._plan,
            "chosen": chosen,
            "closing": self._closing,
            "widths": self.widths,
            "at": None if self.at is None else (self.at.value, self.at.cost),
            "steps": self.steps,
            "over": self._over,
            "earned": self._earned,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on exactly where `state_dict` was called."""
        super().load_state_dict(state)
        self.agent.load_state_dict(state["agent"])
        pairs = zip(state["keys"].tolist(), state["outcomes"].tolist(), strict=True)
        self.known = {tuple(key): Known(*outcome) for key, outcome in pairs}
        self._set_aside = state["set_aside"]
        self._pending, self._closing = state["pending"], state["closing"]
        self._plan = dict(state["plan"])
        chosen = state["chosen"]
        self._chosen = None if chosen is None else (chosen[0].numpy(), chosen[1])
        self.widths, self.steps = dict(state["widths"]), state["steps"]
        self.at = None if state["at"] is None else Known(*state["at"])
        self._over, self._earned = state["over"], state["earned"]

    def best_within(self, cost: float) -> Widths | None:
        """The most accurate known candidate of at most this cost."""
        within = [(one.value, key) for key, one in self.known.items() if one.cost <= cost]
        if not within:
            return None
        return dict(zip(self.problem.groups, max(within)[1], strict=True))

    def _start(self, widths: Widths) -> None:
        self.widths = widths
        self.at = None
        self.steps = 0
        self._over = False
        self._earned = 0.0

    def _next(self) -> Widths:
        """The candidate of the next step, or of a closing trial."""
        self._chosen, self._closing = None, False
        if self.at is not None:
            target = self.closes(over=self._over)
            if target is not None:
                closed = self._closed(target)
                if self.problem.key(closed) not in self.known:
                    self._closing = True
                    return closed
            if self._over:
                self._start(self.restart())
        if self.at is None:
            return self.widths
        state = self.observe()
        if self.rng.uniform() < self.epsilon():
            action = int(self.rng.integers(self.actions))
        else:
            action = self.agent.act(state)
        self._chosen = state, action
        return self.changed(action)

    def changed(self, action: int) -> Widths:
        """The widths after an action; one that removes anything removes one step or more."""
        group, width = self.group, self.widths[self.group]
        wanted = self.keep(group, width, action)
        if wanted >= width:
            return self.widths
        choices = list(self.problem.choices[group])
        one_less = choices[max(0, choices.index(width) - 1)]
        cut = min(one_less, self.problem.nearest_choice(group, wanted))
        return self.problem.tied({**self.widths, group: cut})

    def _closed(self, target: float) -> Widths:
        problem = self.problem.at(target)
        return fit_to_budget(problem, keep_ratios(problem, self.widths))

    def _completed(self, plan: Widths) -> Widths:
        """What is evaluated of a partial plan."""
        target = self.completed_to()
        if target is None:
            return plan
        if self.problem.complete is not None:
            return self.problem.complete(plan, target)
        problem = self.problem.at(target)
        return fit_to_budget(problem, keep_ratios(problem, plan))

    def _arrive(self, widths: Widths, known: Known) -> None:
        """Learn from the step to these widths, and go on from there."""
        chosen, self._pending, self._chosen = self._chosen, None, None
        if self.completed_to() is not None:
            known = replace(known, cost=self.problem.cost(widths))
        failed = math.isnan(known.value)
        if failed and self.at is None and not self._closing:
            self.at = self._expected()  # an episode whose beginning has no outcome still begins
        elif self._closing or failed:
            self._closing = False
            self._start(self.restart())
        elif chosen is None or self.at is None:
            self.at = known
        else:
            before, self.at = self.at, known
            self.widths, self.steps = widths, self.steps + 1
            self._learn(chosen, self.judge(before, known))

    def _expected(self) -> Known:
        """What stands for an outcome that is not known: the mean of those that are."""
        values = [one.value for one in self.known.values() if not math.isnan(one.value)]
        mean = sum(values) / len(values) if values else 0.0
        return Known(mean, self.problem.cost(self.widths))

    def _learn(self, chosen: tuple[np.ndarray, int], judged: Judgement) -> None:
        state, action = chosen
        self._earned += judged.reward
        reward = judged.reward
        if self.options.reward == "terminal":
            reward = self._earned if judged.over else 0.0
        self.agent.remember(state, action, reward, self.observe(), terminal=judged.terminal)
        self.agent.learn()
        self._over = judged.over

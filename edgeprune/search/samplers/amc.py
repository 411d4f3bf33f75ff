"""AMC: a DDPG agent that walks through the network and decides group by group."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState
from scipy.special import ndtr, ndtri

from edgeprune.search.fitting import fit_to_budget, keep_ratios
from edgeprune.search.problem import SearchProblem, Widths
from edgeprune.search.samplers.agent import Agent
from edgeprune.search.samplers.amc_options import AmcOptions, noise_decay_of, warmup_of
from edgeprune.search.samplers.base import WidthSampler
from edgeprune.search.wall import largest_width

Floats: TypeAlias = NDArray[np.float32]
#: Observation and group to raw action in [0, 1] and width.
Policy: TypeAlias = Callable[[Floats, str, Widths], tuple[float, int]]


class AmcSampler(WidthSampler):
    """AMC (He et al., ECCV 2018, arXiv 1802.03494), re-implemented after the released code.

    One trial is one episode: a walk over the groups in the network's order. The agent sees the
    group's static features, min-max scaled over the groups, and three numbers written in on the
    way: MACs saved so far and MACs of the groups to come as shares of the whole (section 3.1),
    and the previous keep ratio. It answers with a keep ratio; the action wall caps it so that the
    budget can still be met (algorithm 1). The reward comes at the end and is written to every
    transition of the episode; the stored action is the raw one.

    What differs from the released code: the wall works on any estimated cost, latency included;
    the state counts the depthwise layers' MACs and its "rest" is MACs from the first state on;
    the terminal transition has no next state; and the two options of `AmcOptions` named there.

    Args:
        problem: what is searched.
        seed: fixes all random choices.
        trials: length of the search, which warm-up and noise follow.
        options: AMC's numbers.
    """

    def __init__(
        self, problem: SearchProblem, seed: int, trials: int, options: AmcOptions | None = None
    ) -> None:
        super().__init__(problem, seed)
        self.options = options or AmcOptions()
        self.warmup = warmup_of(self.options, trials)
        self.noise_decay = noise_decay_of(self.options, trials)
        self.episodes = 0
        self._static = _scaled(problem.features)
        if self.options.group_code:
            self._static = np.hstack([self._static, np.eye(len(problem.groups), dtype=np.float32)])
        self._full_macs = problem.macs(problem.full)
        self._rest = self._rest_shares()
        self.agent = Agent(self._static.shape[1] + 3, len(problem.groups), self.options, seed)
        #: Episodes asked for and not answered yet, by trial number.
        self._open: dict[int, tuple[Floats, list[float], Widths]] = {}

    def propose(self, study: Study, trial: FrozenTrial) -> Widths:
        """Walk through the network with the actor and its noise."""
        states, actions, widths = self._walk(self._explore)
        if self.options.spend_budget and self.problem.fits(widths):
            widths = fit_to_budget(self.problem, keep_ratios(self.problem, widths))
        self._open[trial.number] = (states, actions, widths)
        return widths

    def after_trial(
        self,
        study: Study,
        trial: FrozenTrial,
        state: TrialState,
        values: Sequence[float] | None,
    ) -> None:
        """Store the episode and learn from the replay buffer (Optuna's interface)."""
        asked = self._open.pop(trial.number, None)
        if state != TrialState.COMPLETE or not values:
            return
        if asked is not None and self._was_proposed(trial, asked[2]):
            states, actions, _ = asked
        else:
            # Somebody else's proposal: the walk that would have led there.
            states, actions, _ = self._walk(self._follow(trial.params))
        self.agent.remember(states, actions, values[0])
        self.episodes += 1
        if self.episodes > self.warmup:
            self.agent.learn(self.options.updates * len(actions))

    def state_dict(self) -> dict[str, Any]:
        """Random generator, networks, replay buffer and noise clock."""
        return {**super().state_dict(), "episodes": self.episodes, "agent": self.agent.state_dict()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on exactly where `state_dict` was called."""
        super().load_state_dict(state)
        self.episodes = int(state["episodes"])
        self.agent.load_state_dict(state["agent"])

    @property
    def noise(self) -> float:
        """Standard deviation of the exploration noise of the next episode."""
        return float(self.options.noise * self.noise_decay ** max(0, self.episodes - self.warmup))

    def _was_proposed(self, trial: FrozenTrial, widths: Widths) -> bool:
        """Whether a trial is ours, if nudged by a step because the widths were known."""
        moved = sum(trial.params[group] != width for group, width in widths.items())
        return bool(moved <= 1)

    def _explore(self, state: Floats, group: str, widths: Widths) -> tuple[float, int]:
        if self.episodes < self.warmup:
            action = float(self.rng.uniform())
        else:
            action = _truncated_normal(self.agent.act(state), self.noise, self.rng)
        problem = self.problem
        width = problem.nearest_choice(group, action * problem.full[group])
        return action, min(width, largest_width(problem, widths, group))

    def _follow(self, params: Mapping[str, int]) -> Policy:
        def policy(state: Floats, group: str, widths: Widths) -> tuple[float, int]:
            return params[group] / self.problem.full[group], params[group]

        return policy

    def _walk(self, policy: Policy) -> tuple[Floats, list[float], Widths]:
        """One episode: states (groups, observation), raw actions, widths."""
        problem = self.problem
        widths, decided = dict(problem.smallest), dict(problem.full)
        previous = 1.0
        states, actions = [], []
        for index, group in enumerate(problem.groups):
            saved = 1 - problem.macs(decided) / self._full_macs
            dynamic = np.array([saved, self._rest[index], previous], np.float32)
            state = np.concatenate([self._static[index], dynamic])
            action, width = policy(state, group, widths)
            widths[group] = decided[group] = width
            previous = width / problem.full[group]
            states.append(state)
            actions.append(action)
        return np.stack(states), actions, widths

    def _rest_shares(self) -> list[float]:
        """Share of all MACs that the groups after each one can still decide on."""
        widths = dict(self.problem.smallest)
        shares = []
        for group in self.problem.groups:
            widths[group] = self.problem.full[group]
            shares.append(1 - self.problem.macs(widths) / self._full_macs)
        return shares


def _scaled(features: "NDArray[np.float64]") -> Floats:
    """Each feature min-max scaled over the groups; constant ones become 0."""
    low, span = features.min(0), np.ptp(features, 0)
    return np.asarray((features - low) / np.where(span > 0, span, 1), np.float32)


def _truncated_normal(mean: float, sigma: float, rng: np.random.Generator) -> float:
    """One draw from a normal distribution cut off outside [0, 1]."""
    if sigma <= 0:
        return mean
    low, high = ndtr(-mean / sigma), ndtr((1 - mean) / sigma)
    draw = mean + sigma * ndtri(low + rng.uniform() * (high - low))
    return float(np.clip(draw, 0, 1))

"""AMC: a DDPG agent walks over the channel groups and chooses how much of each to keep."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState
from scipy.special import ndtr, ndtri

from edgeprune.search.fitting import asked_ratios, fit_to_budget, keep_ratios
from edgeprune.search.problem import SearchProblem, Widths
from edgeprune.search.samplers.amc.agent import Agent
from edgeprune.search.samplers.amc.episode import Episode, Walk, Walks
from edgeprune.search.samplers.amc.options import AmcOptions
from edgeprune.search.samplers.amc.relative import NEUTRAL, RelativeWalk
from edgeprune.search.samplers.base import WidthSampler

#: Noise of actions relative to the allocation, as a share of the others'.
_RELATIVE_NOISE = 0.4


class AmcSampler(WidthSampler):
    """AutoML for Model Compression (He et al., ECCV 2018, arXiv 1802.03494), re-implemented.

    One trial is one episode. At each group, first to last, the actor sees a state and gives a
    keep ratio; noise from a truncated normal explores; the action wall (section 3.2) leaves room
    for the groups to come. The trial's value is written to every transition of its episode, with
    the raw action, before wall and rounding. After each episode of more than the warm-up, DDPG
    takes one gradient step per transition.

    The state is the problem's features, each scaled to 0..1 over the groups, one input per group
    that tells it from all others, and three run-time inputs (`amc_episode.RUNTIME_INPUTS`), all
    in MACs over all groups, from the first step on. What is remembered is the states of the plan
    that is evaluated, after the budget. The terminal step bootstraps from nothing.

    Differences from the released code, for reasons: channel groups take the place of layers; the
    wall holds any cost, measured latency included (`edgeprune.search.wall`); widths are the
    nearest allowed ones below the wall, so that rounding cannot overshoot; what an episode
    leaves of the budget is spent by widening all groups (``spend_budget``); unless ``wall`` asks
    for AMC's own rule, the episode's ratios are scaled together to the budget in place of the
    wall, which leaves the last groups what the first ones did not take; the one input per
    group (``identity``), because a search of 80 trials is too short to learn to tell groups
    apart by index and size; warm-up and decay follow the number of trials
    (`AmcOptions.resolved`). For the networks see `Agent`.

    Where the problem has curves it acts relative to their allocation (``relative``): see
    `RelativeWalk`. The first episode is the plain allocation, the warm-up lies around it, and the
    noise is smaller, as what it is added to is near the best already.

    Widths that came from elsewhere (enqueued ones, or moved to unseen neighbours) are learnt from
    too: enqueued ones as if the agent had chosen their keep ratios.

    Args:
        problem: what is searched.
        seed: fixes all random choices.
        trials: how long the search will be.
        options: AMC's numbers.

    Attributes:
        last_actions: raw actions of the trial that was learnt from last; None before the first.
    """

    last_actions: tuple[float, ...] | None = None

    def __init__(
        self,
        problem: SearchProblem,
        seed: int,
        trials: int,
        options: AmcOptions | None = None,
    ) -> None:
        super().__init__(problem, seed)
        self.options = (options or AmcOptions()).resolved(trials)
        self._relative = self.options.relative and problem.curves is not None
        self._walk: Walks = self._new_walk()
        self._agent = Agent(self._walk.state_size, len(problem.groups), self.options, seed)
        self._finished = 0
        self._open: dict[int, Episode] = {}

    @property
    def noise(self) -> float | None:
        """Standard deviation of the noise on the next episode; None during the warm-up."""
        warmup, decay = self.options.warmup or 0, self.options.noise_decay or 1.0
        begun = self._finished + len(self._open)
        if begun < warmup:
            return None
        return float(self.options.noise * decay ** (begun - warmup))

    def propose(self, study: Study, trial: FrozenTrial) -> Widths:
        """Play one episode."""
        first = self._relative and self._finished == 0 and not self._open
        policy = _neutral if first else self._explore
        episode = self._walk.act(policy, wall=self.options.wall)
        self._open[trial.number] = episode
        if self._relative:
            return episode.widths
        if not self.options.wall:
            return fit_to_budget(self.problem, self._allowed(episode.actions))
        widths = episode.widths
        if self.options.spend_budget and self.problem.fits(widths):
            widths = fit_to_budget(self.problem, keep_ratios(self.problem, widths))
        return widths

    def after_trial(
        self,
        study: Study,
        trial: FrozenTrial,
        state: TrialState,
        values: Sequence[float] | None,
    ) -> None:
        """Learn from a finished trial; failed ones are forgotten (Optuna's interface)."""
        episode = self._open.pop(trial.number, None)
        if state != TrialState.COMPLETE or not values:
            return
        followed = self._walk.retrace({group: trial.params[group] for group in trial.params})
        if episode is None:
            episode = followed
        elif not self._relative:  # where states tell of actions, not of widths
            episode = replace(episode, states=followed.states)
        self.last_actions = tuple(episode.actions)
        self._finished += 1
        self._take_in(episode, values[0])

    def _take_in(self, episode: Episode, reward: float) -> None:
        """Remember an episode, and learn once the warm-up is over."""
        self._agent.remember(episode.states, episode.actions, reward)
        if self._finished > (self.options.warmup or 0):
            self._agent.learn(self.options.updates * len(episode.actions))

    def state_dict(self) -> dict[str, Any]:
        """Agent, replay buffer, random generators, noise clock and open episodes."""
        return {
            **super().state_dict(),
            "agent": self._agent.state_dict(),
            "finished": self._finished,
            "open": {number: one.to_state() for number, one in self._open.items()},
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on exactly where `state_dict` was called."""
        super().load_state_dict(state)
        self._agent.load_state_dict(state["agent"])
        self._finished = state["finished"]
        opened = state["open"]
        self._open = {number: Episode.from_state(one) for number, one in opened.items()}

    def _allowed(self, actions: Sequence[float]) -> dict[str, float]:
        """Raw actions as keep ratios: 0 where a branch goes, else none below its narrowest."""
        named = dict(zip(self.problem.groups, actions, strict=True))
        return asked_ratios(self.problem, named)

    def _explore(self, state: np.ndarray) -> float:
        if self._relative:
            centre = NEUTRAL if self.noise is None else self._agent.act(state)
            noise = self.options.noise if self.noise is None else self.noise
            return truncated_normal(self.rng, centre, _RELATIVE_NOISE * noise)
        if self.noise is None:
            return float(self.rng.uniform())
        return truncated_normal(self.rng, self._agent.act(state), self.noise)

    def _new_walk(self) -> Walks:
        if self._relative:
            return RelativeWalk(self.problem, self.options.strength, identity=self.options.identity)
        return Walk(self.problem, identity=self.options.identity)


def _neutral(state: np.ndarray) -> float:
    """The plain allocation."""
    return NEUTRAL


def truncated_normal(rng: np.random.Generator, centre: float, deviation: float) -> float:
    """A draw from the normal distribution cut to [0, 1].

    Args:
        rng: draws one uniform number.
        centre: mean before cutting, in [0, 1].
        deviation: standard deviation before cutting.
    """
    low, high = ndtr(-centre / deviation), ndtr((1 - centre) / deviation)
    draw = centre + deviation * ndtri(low + rng.uniform() * (high - low))
    return float(np.clip(draw, 0.0, 1.0))

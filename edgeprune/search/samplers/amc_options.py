"""AMC's numbers."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Self, get_type_hints

from edgeprune.errors import SearchError, nearest

#: AMC spends 100 of 800 episodes on its warm-up; short searches need a larger share.
_WARMUP_SHARE = 0.25
_AMC_WARMUP = 100
#: Noise left at the end, as a share of its start: AMC's decay after 60 episodes.
_FINAL_NOISE = 0.95**60


@dataclass(frozen=True)
class AmcOptions:
    """Parameters of `AmcSampler`; the values are those of AMC's released code.

    The ones given as None depend on the number of trials, see `resolved`.

    Attributes:
        warmup: episodes of uniformly random actions, without updates.
        noise: standard deviation of the exploration noise after the warm-up.
        noise_decay: factor on the noise per episode after the warm-up.
        updates: gradient steps per transition of a finished episode.
        hidden: widths of the hidden layers of actor and critic.
        actor_lr: Adam's learning rate for the actor.
        critic_lr: Adam's learning rate for the critic.
        gamma: discount.
        tau: rate at which the target networks follow.
        batch_size: transitions per gradient step.
        replay_episodes: episodes kept in the replay buffer.
        baseline_rate: share of a new batch in the moving average taken off the rewards.
        spend_budget: widen all groups by one factor where an episode ends below the budget.
    """

    warmup: int | None = None
    noise: float = 0.5
    noise_decay: float | None = None
    updates: int | None = None
    hidden: tuple[int, ...] = (300, 300)
    actor_lr: float = 1e-4
    critic_lr: float = 1e-3
    gamma: float = 1.0
    tau: float = 0.01
    batch_size: int = 64
    replay_episodes: int = 100
    baseline_rate: float = 0.5
    spend_budget: str = "wall_grow"

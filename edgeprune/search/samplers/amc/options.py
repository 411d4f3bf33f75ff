"""AMC's numbers."""

from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field

from edgeprune.search.samplers.checked_options import CheckedOptions, Count, Rate, Sizes

#: AMC spends 100 of 800 episodes on its warm-up; short searches need a larger share.
_WARMUP_SHARE = 0.25
_LONGEST_WARMUP = 100
#: AMC's decay of the noise per episode, and what it leaves of the noise after 60 episodes.
_DECAY = 0.95
_NOISE_LEFT = _DECAY**60

Noise = Annotated[float, Field(gt=0, le=10)]
Share = Annotated[float, Field(ge=0, le=1)]


class AmcOptions(CheckedOptions):
    """Parameters of `AmcSampler`, `PlanSampler` and `PolicySampler`.

    The numbers are those of AMC's released code.

    The two that are None depend on the number of trials, see `resolved`.

    Attributes:
        warmup: episodes of uniformly random actions, without updates.
        noise: standard deviation of the exploration noise when the warm-up ends.
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
        identity: add one input per group to the state (see `AmcSampler`); not in AMC.
        wall: hold the budget by AMC's action wall, group by group; otherwise by scaling all groups
            together, which found better candidates within 80 trials (docs/results.md).
        relative: where there are curves, act relative to the allocation (`RelativeWalk`); there is
            no wall then. False: keep ratios, as published.
        strength: logarithm of the largest factor on a group's loss, where it is relative.
        critic: ``plan``: an ensemble over whole plans (`PlanSampler`), the best within 80 trials;
            ``step``: DDPG, as published (`AmcSampler`); ``none``: REINFORCE (`PolicySampler`).
            Of the other options ``plan`` looks at `warmup` alone, and ``none`` at none.
        spend_budget: with the wall, widen all groups by one factor where an episode ends below
            the budget; not in AMC, whose wall only caps the cost from above.
    """

    sampler: ClassVar[str] = "amc"

    critic: Literal["plan", "step", "none"] = "plan"
    warmup: Annotated[int, Field(ge=0, le=10**9)] | None = None
    noise: Noise = 0.5
    noise_decay: Rate | None = None
    updates: Count = 1
    hidden: Sizes = (300, 300)
    actor_lr: Rate = 1e-4
    critic_lr: Rate = 1e-3
    gamma: Share = 1.0
    tau: Rate = 0.01
    batch_size: Count = 64
    replay_episodes: Count = 100
    baseline_rate: Share = 0.5
    identity: bool = True
    spend_budget: bool = True
    wall: bool = False
    relative: bool = True
    strength: Noise = 1.5

    def resolved(self, trials: int) -> Self:
        """These options for a search of so many trials.

        The warm-up is a quarter of the trials, at most AMC's 100 (20 of ``critic: plan``). The
        noise decays by AMC's 0.95 per episode, or faster where fewer than 60 episodes follow the
        warm-up, so that it always falls below 5 % of its start before the search ends.
        """
        warmup = self.warmup
        if warmup is None:
            warmup = min(_LONGEST_WARMUP, round(_WARMUP_SHARE * trials))
        decay = self.noise_decay
        if decay is None:
            decay = min(_DECAY, _NOISE_LEFT ** (1 / max(trials - warmup, 1)))
        return self.model_copy(update={"warmup": warmup, "noise_decay": decay})

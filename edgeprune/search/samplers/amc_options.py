"""AMC's numbers."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from edgeprune.errors import SearchError, nearest

#: AMC spends 100 of 800 episodes on its warm-up; short searches need a larger share.
_WARMUP_SHARE = 0.25
_LONGEST_WARMUP = 100
#: AMC's decay of the noise per episode, and what it leaves of the noise after 60 episodes.
_DECAY = 0.95
_NOISE_LEFT = _DECAY**60


@dataclass(frozen=True)
class AmcOptions:
    """Parameters of `AmcSampler`; the values are those of AMC's released code.

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
        spend_budget: with the wall, widen all groups by one factor where an episode ends below
            the budget; not in AMC, whose wall only caps the cost from above.
    """

    warmup: int | None = None
    noise: float = 0.5
    noise_decay: float | None = None
    updates: int = 1
    hidden: tuple[int, ...] = (300, 300)
    actor_lr: float = 1e-4
    critic_lr: float = 1e-3
    gamma: float = 1.0
    tau: float = 0.01
    batch_size: int = 64
    replay_episodes: int = 100
    baseline_rate: float = 0.5
    identity: bool = True
    spend_budget: bool = True
    wall: bool = False
    relative: bool = True
    strength: float = 1.5

    @classmethod
    def from_mapping(cls, options: Mapping[str, Any]) -> Self:
        """Options from a pipeline file.

        Raises:
            SearchError: an unknown option, or a value out of its range.
        """
        known = [field.name for field in dataclasses.fields(cls)]
        for name, value in options.items():
            if name not in known:
                msg = (
                    f"option {name!r} is unknown to sampler 'amc'; allowed: {', '.join(known)}"
                    f"{nearest(name, known)}"
                )
                raise SearchError(msg)
            _check(name, value)
        values = dict(options)
        if "hidden" in values:
            values["hidden"] = tuple(values["hidden"])
        return cls(**values)

    def resolved(self, trials: int) -> "AmcOptions":
        """These options for a search of so many trials.

        The warm-up is a quarter of the trials, at most AMC's 100. The noise decays by AMC's 0.95
        per episode, or faster where fewer than 60 episodes follow the warm-up, so that it always
        falls below 5 % of its start before the search ends.
        """
        warmup = self.warmup
        if warmup is None:
            warmup = min(_LONGEST_WARMUP, round(_WARMUP_SHARE * trials))
        decay = self.noise_decay
        if decay is None:
            decay = min(_DECAY, _NOISE_LEFT ** (1 / max(trials - warmup, 1)))
        return dataclasses.replace(self, warmup=warmup, noise_decay=decay)


#: Lowest and highest value of each number, and whether it must be whole.
_RANGES: dict[str, tuple[float, float, bool]] = {
    "warmup": (0, 1e9, True),
    "noise": (1e-6, 10, False),
    "noise_decay": (1e-6, 1, False),
    "updates": (1, 1e6, True),
    "actor_lr": (1e-9, 1, False),
    "critic_lr": (1e-9, 1, False),
    "gamma": (0, 1, False),
    "tau": (1e-9, 1, False),
    "batch_size": (1, 1e6, True),
    "replay_episodes": (1, 1e6, True),
    "baseline_rate": (0, 1, False),
    "strength": (1e-6, 10, False),
}


def _check(name: str, value: Any) -> None:
    allowed = "true or false"
    if name in _RANGES:
        low, high, whole = _RANGES[name]
        allowed = f"a{' whole' if whole else ''} number from {low:g} to {high:g}"
        number = isinstance(value, int if whole else int | float) and not isinstance(value, bool)
        fine = number and low <= value <= high
    elif name == "hidden":
        allowed = "a list of one or more whole numbers above 0"
        sized = isinstance(value, list | tuple) and len(value) > 0
        fine = sized and all(isinstance(size, int) and size > 0 for size in value)
    else:
        fine = isinstance(value, bool)
    if not fine:
        msg = f"option {name!r} of sampler 'amc' is {value!r}; allowed: {allowed}"
        raise SearchError(msg)

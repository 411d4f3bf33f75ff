"""AMC's numbers."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from edgeprune.errors import SearchError, nearest

#: AMC spends 100 of 800 episodes on its warm-up; short searches need a larger share.
_WARMUP_SHARE = 0.25
_AMC_WARMUP = 100
#: Noise left at the end of a search, as a share of its start: AMC's decay after 60 episodes.
_FINAL_NOISE = 0.95**60
_AMC_NOISE_DECAY = 0.95


@dataclass(frozen=True)
class AmcOptions:
    """Parameters of `AmcSampler`; the values are those of AMC's released code.

    The two given as None follow the number of trials: `warmup` is a quarter of them but never
    more than AMC's 100, and `noise_decay` ends a short search with as little noise as AMC has
    60 episodes after its warm-up, but never decays slower than AMC's 0.95.

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
        spend_budget: widen all groups by one factor where an episode ends below the budget. AMC
            itself does not: its wall only caps the cost from above.
        group_code: add one input per group to the state that tells the group. AMC itself does
            not: its layer index is one number between 0 and 1.
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
    spend_budget: bool = True
    group_code: bool = True


def amc_options(given: Mapping[str, Any]) -> AmcOptions:
    """Options from a pipeline file.

    Raises:
        SearchError: an option is unknown or has another type.
    """
    allowed = {field.name: field.default for field in fields(AmcOptions)}
    values: dict[str, Any] = {}
    for name, value in given.items():
        if name not in allowed:
            msg = (
                f"search.options.{name}: unknown to amc; allowed: {', '.join(allowed)}"
                f"{nearest(name, allowed)}"
            )
            raise SearchError(msg)
        values[name] = _checked(name, value, allowed[name])
    return AmcOptions(**values)


def warmup_of(options: AmcOptions, trials: int) -> int:
    """Episodes of warm-up in a search of so many trials."""
    if options.warmup is not None:
        return options.warmup
    return min(_AMC_WARMUP, max(1, round(_WARMUP_SHARE * trials)))


def noise_decay_of(options: AmcOptions, trials: int) -> float:
    """Decay of the noise per episode in a search of so many trials."""
    if options.noise_decay is not None:
        return options.noise_decay
    learning = max(1, trials - warmup_of(options, trials))
    return min(_AMC_NOISE_DECAY, float(_FINAL_NOISE ** (1 / learning)))


def _checked(name: str, value: Any, default: Any) -> Any:
    if name == "hidden":
        if isinstance(value, list | tuple) and value and all(isinstance(n, int) for n in value):
            return tuple(value)
        wanted = "a list of layer widths, e.g. [300, 300]"
    elif isinstance(default, bool):
        if isinstance(value, bool):
            return value
        wanted = "true or false"
    else:
        whole = isinstance(default, int) or name == "warmup"
        allowed = int if whole else (int, float)
        if isinstance(value, allowed) and not isinstance(value, bool) and value >= 0:
            return value
        wanted = "a whole number, 0 or more" if whole else "a number, 0 or more"
    msg = f"search.options.{name}: {value!r}; allowed: {wanted}"
    raise SearchError(msg)

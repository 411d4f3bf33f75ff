"""Rewards: one number per outcome, larger is better."""

import math
from collections.abc import Callable
from typing import Any

from edgeprune.errors import SearchError, nearest
from edgeprune.plugins import load_object
from edgeprune.search.outcome import Outcome

Reward = Callable[[Outcome], float]

#: MnasNet's exponent (arXiv 1807.11626, section 3): doubling latency is worth 5 % accuracy.
MNAS_EXPONENT = -0.07
_NANOSECONDS = 1e6


def accuracy(outcome: Outcome, target: float) -> float:
    """Accuracy alone: the samplers hold the budget (AMC's default reward)."""
    return outcome.accuracy


def mnas(outcome: Outcome, target: float) -> float:
    """Accuracy x (latency / target) ** -0.07, MnasNet's soft latency constraint."""
    return float(outcome.accuracy * (outcome.latency_ratio / target) ** MNAS_EXPONENT)


def amc(outcome: Outcome, target: float) -> float:
    """AMC's accuracy-guaranteed reward, -error x ln(cost) (arXiv 1802.03494, section 3.3).

    The cost is the latency in nanoseconds: the formula needs a logarithm well above zero, as
    that of a count of MACs is.
    """
    return -(1 - outcome.accuracy) * math.log(outcome.latency_ms * _NANOSECONDS)


_REWARDS: dict[str, Callable[[Outcome, float], float]] = {
    "accuracy": accuracy,
    "amc": amc,
    "mnas": mnas,
}


def make_reward(name: str, target: float) -> Reward:
    """The reward of this name.

    Args:
        name: ``accuracy``, ``amc``, ``mnas``, or ``module:function`` of a function that takes
            an `Outcome` and returns a number.
        target: the latency budget as a ratio to the base model.

    Raises:
        SearchError: the name is unknown or the function cannot be loaded; from the returned
            function, when the user's own reward returns no finite number.
    """
    if name in _REWARDS:
        function = _REWARDS[name]
        return lambda outcome: function(outcome, target)
    if ":" not in name:
        msg = (
            f"unknown reward {name!r}; allowed: {', '.join(sorted(_REWARDS))} or "
            f"module:function{nearest(name, _REWARDS)}"
        )
        raise SearchError(msg)
    return _checked(name, load_object(name, "search.reward", SearchError))


def _checked(name: str, function: Callable[[Outcome], Any]) -> Reward:
    def reward(outcome: Outcome) -> float:
        value = function(outcome)
        try:
            number = float(value)
        except (TypeError, ValueError):
            number = math.nan
        if not math.isfinite(number):
            msg = f"reward {name!r} returned {value!r}, which is no finite number"
            raise SearchError(msg)
        return number

    return reward

"""How sure a reward is, as far as it depends on a latency that was measured."""

from dataclasses import replace

from edgeprune.search.outcome import Outcome
from edgeprune.search.rewards import Reward

#: What a search tells its sampler with each trial, as Optuna user attributes.
REWARD_NOISE, LATENCY_RATIO = "reward_noise", "latency_ratio"

#: A 95 % interval of a normal distribution, in standard deviations.
_WIDTH = 2 * 1.959964


def reward_noise(reward: Reward, outcome: Outcome) -> float:
    """Standard deviation of a reward, from the raw samples of the latency.

    The ends of the 95 % interval of the latency ratio go through the reward, whatever it is. A
    reward that does not look at the latency is sure; noise of the accuracy is not known here.

    Args:
        reward: outcome to what is maximised.
        outcome: with ``ratio_interval`` in its details; without one the reward is sure.
    """
    interval = outcome.details.get("ratio_interval")
    if interval is None:
        return 0.0
    low, high = (
        reward(
            replace(
                outcome,
                latency_ratio=ratio,
                latency_ms=outcome.latency_ms * ratio / outcome.latency_ratio,
            )
        )
        for ratio in interval
    )
    return abs(high - low) / _WIDTH

"""Raw latency samples say how sure a reward is, and samplers are told."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from optuna.samplers import RandomSampler
from optuna.study import Study
from optuna.trial import FrozenTrial

from edgeprune.devices.measurement import Comparison, Measurement
from edgeprune.search import Outcome, Widths, make_reward, run_search
from edgeprune.search.reward_noise import LATENCY_RATIO, REWARD_NOISE, reward_noise
from edgeprune.search.samplers.optuna.sampler import ProjectedSampler
from edgeprune.testing.samplers import SmallNet

NET = SmallNet()
MNAS = make_reward("mnas", 0.5)


def _outcome(samples: int, spread: float) -> Outcome:
    draw = np.random.default_rng(0)
    timed = [
        Measurement(tuple(draw.normal(ms, spread * ms, samples)), 0.0, {}) for ms in (5.0, 10.0)
    ]
    comparison = Comparison(*timed)
    found = NET.evaluate(NET.problem().smallest)
    return replace(found, latency_ratio=comparison.ratio, details=comparison.to_json())


def test_a_reward_without_latency_is_sure() -> None:
    assert reward_noise(make_reward("accuracy", 0.5), _outcome(50, 0.1)) == 0


def test_without_an_interval_the_reward_is_sure() -> None:
    assert reward_noise(MNAS, NET.evaluate(NET.problem().smallest)) == 0


def test_noise_of_the_reward_is_that_of_the_ratio_times_its_slope() -> None:
    outcome = _outcome(50, 0.1)
    low, high = outcome.details["ratio_interval"]
    deviation = (high - low) / 3.92
    draws = np.random.default_rng(1).normal(outcome.latency_ratio, deviation, 20_000)
    rewards = [MNAS(replace(outcome, latency_ratio=ratio)) for ratio in draws]
    assert reward_noise(MNAS, outcome) == pytest.approx(np.std(rewards), rel=0.05)


def test_rewards_that_look_at_milliseconds_are_noisy_too() -> None:
    assert reward_noise(make_reward("amc", 0.5), _outcome(50, 0.1)) > 0


def test_more_samples_make_it_surer() -> None:
    assert reward_noise(MNAS, _outcome(500, 0.1)) < 0.6 * reward_noise(MNAS, _outcome(20, 0.1))


class _Listener(ProjectedSampler):
    """Keeps what it could learn from."""

    def __init__(self, heard: list[dict[str, Any]]) -> None:
        super().__init__(NET.problem(), RandomSampler(0))
        self.heard = heard

    def after_trial(self, study: Study, trial: FrozenTrial, state: Any, values: Any) -> None:
        self.heard.append(dict(trial.user_attrs))


def test_samplers_are_told_noise_and_measured_latency_with_each_trial(tmp_path: Path) -> None:
    def evaluate(widths: Widths) -> Outcome:
        outcome = NET.evaluate(widths)
        ratio = outcome.latency_ratio
        return replace(outcome, details={"ratio_interval": [0.9 * ratio, 1.1 * ratio]})

    heard: list[dict[str, Any]] = []
    result = run_search(
        NET.problem(), _Listener(heard), evaluate, MNAS, trials=3, directory=tmp_path
    )
    expected = [
        {
            LATENCY_RATIO: trial.outcome.latency_ratio,
            REWARD_NOISE: reward_noise(MNAS, trial.outcome),
        }
        for trial in result.trials
    ]
    assert heard == expected
    assert all(one[REWARD_NOISE] > 0 for one in heard)

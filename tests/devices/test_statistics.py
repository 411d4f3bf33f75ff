import math

import numpy as np
import pytest

from edgeprune.devices import Comparison, Measurement
from edgeprune.devices.statistics import level, level_ratio_interval, median_interval


def _busy_machine(generator: np.random.Generator, pairs: int, ratio: float) -> np.ndarray:
    """Paired samples with small noise and now and then a run that others disturb."""
    clean = np.exp(0.01 * generator.standard_normal((2, pairs)))
    disturbed = np.where(
        generator.random((2, pairs)) < 0.2, generator.exponential(3, (2, pairs)), 0
    )
    return clean * np.array([[ratio], [1.0]]) + disturbed


def test_level_is_the_mean_of_the_fastest_fifth():
    assert level([5, 1, 9, 3, 8, 7, 6, 4, 2, 10]) == 1.5
    assert level([4.0]) == 4.0


def test_level_ratio_is_not_pulled_towards_one_by_other_processes():
    samples = _busy_machine(np.random.default_rng(0), 200, 0.5)
    assert level(samples[0]) / level(samples[1]) == pytest.approx(0.5, rel=0.01)


def test_interval_of_the_ratio_covers_the_truth_about_as_often_as_it_says():
    generator = np.random.default_rng(1)
    hits = 0
    for _ in range(300):
        candidate, baseline = _busy_machine(generator, 60, 0.7)
        low, high = level_ratio_interval(candidate, baseline)
        hits += low <= 0.7 <= high
    assert 0.88 <= hits / 300 <= 0.995


def test_interval_narrows_with_more_pairs():
    few = level_ratio_interval(*_busy_machine(np.random.default_rng(2), 30, 0.7))
    many = level_ratio_interval(*_busy_machine(np.random.default_rng(2), 1000, 0.7))
    assert many[1] - many[0] < (few[1] - few[0]) / 2


def test_one_pair_says_nothing_about_the_ratio():
    assert level_ratio_interval([1.0], [2.0]) == (0.0, math.inf)


def test_median_interval_is_made_of_order_statistics():
    low, high = median_interval([float(value) for value in range(100)])
    # Ranks 40 and 61 of 100 hold 95 % of the binomial: samples 39 and 60.
    assert (low, high) == (39.0, 60.0)


def test_median_interval_of_few_samples_is_their_range():
    assert median_interval([3.0, 1.0, 2.0]) == (1.0, 3.0)
    assert median_interval([7.0]) == (7.0, 7.0)


def test_median_interval_covers_the_truth():
    generator = np.random.default_rng(3)
    hits = 0
    for _ in range(400):
        low, high = median_interval(generator.lognormal(size=40).tolist())
        hits += low <= 1.0 <= high
    assert hits / 400 >= 0.93


def test_summaries_agree_with_the_raw_samples():
    candidate = Measurement((2.0, 3.0, 4.0, 5.0, 6.0) * 4, 1.0, {})
    baseline = Measurement((4.0, 6.0, 8.0, 10.0, 12.0) * 4, 1.0, {})
    comparison = Comparison(candidate, baseline)
    assert candidate.median_ms == 4.0
    assert comparison.ratio == pytest.approx(0.5)
    assert comparison.to_json()["candidate"]["samples_ms"] == list(candidate.samples_ms)

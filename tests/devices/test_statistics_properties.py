"""What holds for the summaries of any samples."""

import math
import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom

from edgeprune.devices import Comparison, Measurement
from edgeprune.devices.statistics import level, level_ratio_interval, median_interval

#: Floats are rounded in products, logarithms and sums.
ROUNDED = 1e-9
#: Milliseconds, from a kernel of a microsecond to a minute.
TIMES = st.floats(1e-3, 6e4)
SAMPLES = st.lists(TIMES, min_size=1, max_size=60)
FACTORS = st.floats(1e-3, 1e3)


@st.composite
def pairs(draw: st.DrawFn) -> tuple[list[float], list[float]]:
    """Samples of a candidate and the baseline, as many of each; not wilder than machines are."""
    count = draw(st.integers(2, 60))
    times = st.lists(st.floats(0.5, 50.0), min_size=count, max_size=count)
    return draw(times), draw(times)


@given(st.data(), SAMPLES)
def test_the_order_of_samples_does_not_matter(data: st.DataObject, samples: list[float]) -> None:
    mixed = data.draw(st.permutations(samples))
    assert level(mixed) == pytest.approx(level(samples), rel=ROUNDED)
    assert median_interval(mixed) == median_interval(samples)


@given(SAMPLES, FACTORS)
def test_summaries_have_the_unit_of_their_samples(samples: list[float], factor: float) -> None:
    scaled = [factor * one for one in samples]
    assert level(scaled) == pytest.approx(factor * level(samples), rel=ROUNDED)
    assert median_interval(scaled) == tuple(factor * end for end in median_interval(samples))


@given(SAMPLES)
def test_the_level_lies_between_the_fastest_run_and_the_median(samples: list[float]) -> None:
    fastest, median = min(samples), statistics.median(samples)
    assert fastest * (1 - ROUNDED) <= level(samples) <= median * (1 + ROUNDED)
    # Nothing that makes a slow run slower moves it.
    slowest = max(range(len(samples)), key=samples.__getitem__)
    if len(samples) > 1:
        disturbed = [*samples[:slowest], 10 * samples[slowest], *samples[slowest + 1 :]]
        assert level(disturbed) == level(samples)


@given(SAMPLES)
def test_the_interval_of_the_median_is_made_of_samples_around_it(samples: list[float]) -> None:
    low, high = median_interval(samples)
    assert low in samples and high in samples
    assert low <= statistics.median(samples) <= high
    mirrored = median_interval([-one for one in samples])
    assert mirrored == (-high, -low)


@given(st.integers(1, 2000))
def test_the_interval_of_the_median_holds_95_percent_and_hardly_more(count: int) -> None:
    rank, last = median_interval(range(count))
    assert last == count - 1 - rank

    def outside(below: float) -> float:
        """How often at most so many of `count` samples are below the true median."""
        return 2 * float(binom.cdf(below, count, 0.5))

    assert rank == 0 or 1 - outside(rank) >= 0.95
    assert 1 - outside(rank + 1) < 0.952


@given(pairs())
def test_the_interval_of_a_ratio_holds_the_ratio(both: tuple[list[float], list[float]]) -> None:
    low, high = level_ratio_interval(*both)
    assert 0 < low <= high < math.inf
    assert low * (1 - ROUNDED) <= level(both[0]) / level(both[1]) <= high * (1 + ROUNDED)


@given(pairs(), FACTORS)
def test_the_interval_of_a_ratio_scales_with_it(
    both: tuple[list[float], list[float]], factor: float
) -> None:
    candidate, baseline = both
    slower = [factor * one for one in candidate]
    found = level_ratio_interval(candidate, baseline)
    expected = tuple(factor * end for end in found)
    assert level_ratio_interval(slower, baseline) == pytest.approx(expected, rel=ROUNDED)
    # In another unit, such as microseconds, it is the same.
    other = [factor * one for one in baseline]
    assert level_ratio_interval(slower, other) == pytest.approx(found, rel=ROUNDED)


@given(pairs())
def test_seen_from_the_baseline_the_ratio_is_the_inverse(
    both: tuple[list[float], list[float]],
) -> None:
    low, high = level_ratio_interval(*both)
    back = level_ratio_interval(*reversed(both))
    assert back == pytest.approx((1 / high, 1 / low), rel=ROUNDED)


@given(SAMPLES.filter(lambda samples: len(samples) > 1))
def test_a_model_beside_itself_has_the_ratio_one_for_sure(samples: list[float]) -> None:
    assert level_ratio_interval(samples, samples) == (1.0, 1.0)


@given(pairs(), st.floats(0, 1e4))
def test_measurements_come_back_from_json(
    both: tuple[list[float], list[float]], build_ms: float
) -> None:
    first, second = (Measurement(tuple(one), build_ms, {"load": 0.5}) for one in both)
    comparison = Comparison(first, second)
    written = comparison.to_json()
    assert Comparison.from_json(written) == comparison
    assert written["ratio_interval"] == list(comparison.ratio_interval)
    assert (written["ratio"], written["candidate"]["median_ms"]) == (
        comparison.ratio,
        first.median_ms,
    )

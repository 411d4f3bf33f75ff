"""A ratio far from what was expected is measured once more, and then believed."""

from collections.abc import Callable

import pytest

from edgeprune.devices import Comparison, Measurement, unsurprised
from edgeprune.errors import DeviceFailedError

EXPECTED = (0.4, 0.5)


def _answers(*ratios: float) -> tuple[Callable[[], Comparison], list[float]]:
    left = list(ratios)

    def compare() -> Comparison:
        return Comparison(
            Measurement((left.pop(0),) * 10, 0.0, {}), Measurement((1.0,) * 10, 0.0, {})
        )

    return compare, left


@pytest.mark.parametrize("ratio", [0.28, 0.4, 0.45, 0.5, 0.7])
def test_what_is_near_is_measured_once(ratio: float) -> None:
    compare, left = _answers(ratio, 0.45)
    told: list[str] = []
    assert unsurprised(compare, EXPECTED, told.append).ratio == pytest.approx(ratio)
    assert left == [0.45] and not told


@pytest.mark.parametrize("ratio", [0.03, 0.26, 0.8, 30.0])
def test_of_what_is_far_the_second_counts(ratio: float) -> None:
    compare, left = _answers(ratio, 0.47)
    told: list[str] = []
    assert unsurprised(compare, EXPECTED, told.append).ratio == pytest.approx(0.47)
    assert not left
    assert told == [
        f"a ratio of {ratio:.3g}x where 0.4x to 0.5x was expected: measured once more, 0.47x, "
        "which counts"
    ]


def test_an_honest_surprise_is_believed() -> None:
    compare, _ = _answers(0.1, 0.11)
    assert unsurprised(compare, EXPECTED, lambda text: None).ratio == pytest.approx(0.11)


def test_where_nothing_is_expected_everything_is_believed() -> None:
    compare, left = _answers(0.001, 0.5)
    assert unsurprised(compare, None, lambda text: None).ratio == pytest.approx(0.001)
    assert left == [0.5]


def test_a_second_one_that_fails_gives_no_number() -> None:
    answers, _ = _answers(0.03)
    calls = iter((True, False))

    def compare() -> Comparison:
        if next(calls):
            return answers()
        msg = "the worker was lost"
        raise DeviceFailedError(msg)

    with pytest.raises(DeviceFailedError):
        unsurprised(compare, EXPECTED, lambda text: None)

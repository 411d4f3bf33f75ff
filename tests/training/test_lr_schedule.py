import math

import pytest

from edgeprune.errors import UserError
from edgeprune.training.schedule import Schedule


def factors(schedule: Schedule, steps: int) -> list[float]:
    return [schedule.factor(done, steps) for done in range(steps)]


def test_a_cosine_starts_at_the_top_and_ends_near_zero() -> None:
    found = factors(Schedule(), 100)
    assert found[0] == 1.0
    assert found == sorted(found, reverse=True)
    assert math.isclose(found[50], 0.5)
    assert 0 < found[-1] < 0.001


def test_linear_falls_evenly() -> None:
    assert factors(Schedule("linear"), 4) == [1.0, 0.75, 0.5, 0.25]


@pytest.mark.parametrize("fall", ["cosine", "linear"])
def test_warm_up_rises_to_the_top_first(fall: str) -> None:
    found = factors(Schedule(fall, 0.3), 10)
    assert found[:4] == [0.25, 0.5, 0.75, 1.0]
    assert found[3:] == sorted(found[3:], reverse=True)
    assert 0 < found[-1] < 0.3


def test_very_short_trainings_have_a_rate_in_every_step() -> None:
    for steps in (1, 2, 3):
        assert all(0 < factor <= 1 for factor in factors(Schedule("linear", 0.9), steps))


def test_what_is_not_allowed_is_named() -> None:
    with pytest.raises(UserError, match="did you mean 'cosine'"):
        Schedule("cosin")
    with pytest.raises(UserError, match=r"warm-up is 1\.0"):
        Schedule(warmup=1.0)

"""Lengths of joint training, and how hard its alignment pulls."""

import math

import pytest

from edgeprune.config import JointConfig
from edgeprune.joint import JointSchedule
from edgeprune.pipeline.stages.joint import schedule_of


def travelled(schedule: JointSchedule, factor: float, steps: int, lr: float) -> float:
    """How far the pull moves weights, added up step by step as `fit` takes them."""
    total = (schedule.epochs + schedule.after) * steps
    return factor * sum(
        0.5 * lr * (1 + math.cos(math.pi * step / total))
        for step in range(schedule.warmup * steps, schedule.epochs * steps)
    )


@pytest.mark.parametrize(
    ("schedule", "steps", "lr"),
    [
        (JointSchedule(settle=110), 352, 0.1),
        (JointSchedule(after=200), 352, 0.1),
        (JointSchedule(warmup=2, joint=12, settle=10), 32, 0.1),
        (JointSchedule(warmup=1, joint=5, settle=3), 313, 0.05),
    ],
)
def test_a_short_training_pulls_as_far_as_the_published_one(
    schedule: JointSchedule, steps: int, lr: float
) -> None:
    published = 352 * 5e-5 * (90 * 0.1 + 50 * 0.01 + 50 * 0.001)
    factor = schedule.penalty(5e-5, steps=steps, lr=lr)
    assert travelled(schedule, factor, steps, lr) == pytest.approx(published, rel=0.01)


def test_the_published_schedule_keeps_about_the_published_factor() -> None:
    published = JointSchedule(settle=110)
    assert published.penalty(5e-5, steps=352, lr=0.1) == pytest.approx(5e-5, rel=0.15)


def test_no_alignment_stays_none() -> None:
    assert JointSchedule(warmup=1, joint=1, settle=1).penalty(0.0, steps=3, lr=0.1) == 0.0


def test_a_scale_shortens_epochs_and_rounds_but_not_what_a_round_does() -> None:
    schedule = schedule_of(JointConfig(scale=0.05, warmup=10, settle=110, episodes=7))
    assert (schedule.warmup, schedule.fill, schedule.joint, schedule.settle) == (1, 1, 4, 6)
    assert (schedule.episodes, schedule.agent_updates) == (7, 200)

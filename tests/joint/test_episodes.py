"""Episodes of joint training: two bounds, and what is stored is what was done."""

import numpy as np
import pytest

from edgeprune.joint.episode import Walk, keep_range
from edgeprune.testing.samplers import SmallNet


@pytest.mark.parametrize("target", [0.3, 0.5, 0.8])
def test_every_episode_uses_the_budget_up_and_keeps_it(target: float) -> None:
    problem = SmallNet(target=target).problem()
    rng = np.random.default_rng(0)
    for policy in (
        lambda *_: 0.0,
        lambda *_: 1.0,
        lambda *_: float(rng.uniform()),
        lambda state, low, high: float(rng.uniform(low, high)),
    ):
        episode = Walk(problem).act(policy)
        assert target - 0.05 < problem.cost(episode.widths) <= target


def test_what_is_stored_is_inside_the_bounds() -> None:
    problem = SmallNet(target=0.5).problem()
    seen = []

    def greedy(state: np.ndarray, low: float, high: float) -> float:
        seen.append((low, high))
        return 1.0

    episode = Walk(problem).act(greedy)
    assert len(seen) == len(episode.actions)
    assert all(
        low <= action <= high for (low, high), action in zip(seen, episode.actions, strict=True)
    )
    assert any(action < 1.0 for action in episode.actions)


def test_the_upper_bound_wins_where_nothing_fits() -> None:
    problem = SmallNet(target=1e-6).problem()
    group = problem.groups[0]
    assert keep_range(problem, problem.smallest, problem.full, group) == (
        problem.smallest[group],
        problem.smallest[group],
    )


def test_states_tell_what_is_spent_and_what_is_left() -> None:
    problem = SmallNet(target=0.5).problem()
    walk = Walk(problem)
    episode = walk.act(lambda *_: 1.0)
    assert episode.states.shape == (len(problem.groups), walk.state_size)
    spent, left = episode.states[:, -3], episode.states[:, -2]
    assert (np.diff(spent) >= -1e-6).all() and (np.diff(left) <= 1e-6).all()
    assert episode.states[0, -1] == 1.0


def test_an_episode_can_be_led_to_given_widths() -> None:
    problem = SmallNet(target=0.5).problem()
    walk = Walk(problem)
    known = walk.act(lambda state, low, high: (low + high) / 2)
    assert walk.act(walk.towards(known.widths)).widths == known.widths

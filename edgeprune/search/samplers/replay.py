"""AMC's replay buffer: its own random generator, and rewards less a moving baseline."""

from typing import Any

import numpy as np
from gymnasium import spaces
from stable_baselines3.common.buffers import ReplayBuffer
from stable_baselines3.common.type_aliases import ReplayBufferSamples

#: What a transition consists of, as `ReplayBuffer` names it.
_ARRAYS = ("observations", "next_observations", "actions", "rewards", "dones")


class BaselineReplay(ReplayBuffer):
    """Stable-Baselines3's ring buffer with two differences.

    Rows are drawn from the buffer's own generator, not from NumPy's global one. The rewards it
    hands out have an exponential moving average of the batches' mean reward taken off, as AMC's
    agent does before its critic's target.

    Args:
        buffer_size: transitions kept.
        observation_space: shape of an observation.
        action_space: shape of an action.
        rng: draws the rows of a batch.
        baseline_rate: share of a new batch's mean reward in the moving average, 0 to 1.
        kwargs: passed on.
    """

    def __init__(
        self,
        buffer_size: int,
        observation_space: spaces.Space[Any],
        action_space: spaces.Space[Any],
        *,
        rng: np.random.Generator,
        baseline_rate: float,
        **kwargs: Any,
    ) -> None:
        super().__init__(buffer_size, observation_space, action_space, **kwargs)
        self.rng = rng
        self.baseline_rate = baseline_rate
        self.baseline: float | None = None

    def sample(self, batch_size: int, env: Any = None) -> ReplayBufferSamples:
        """Draw transitions with replacement.

        Args:
            batch_size: how many.
            env: not used: nothing is normalised.

        Returns:
            float32 tensors with one row per transition; rewards relative to the baseline.
        """
        rows = self.rng.integers(0, self.size(), batch_size)
        rewards = self.rewards[rows]
        mean = float(rewards.mean())
        if self.baseline is None:
            self.baseline = mean
        self.baseline += self.baseline_rate * (mean - self.baseline)
        return ReplayBufferSamples(
            self.to_torch(self.observations[rows, 0]),
            self.to_torch(self.actions[rows, 0]),
            self.to_torch(self.next_observations[rows, 0]),
            self.to_torch(self.dones[rows]),
            self.to_torch(rewards - np.float32(self.baseline)),
        )

    def state_dict(self) -> dict[str, Any]:
        """The transitions held, oldest rows included, and the baseline."""
        size = self.size()
        arrays = {name: self.to_torch(getattr(self, name)[:size]) for name in _ARRAYS}
        return {**arrays, "pos": self.pos, "full": self.full, "baseline": self.baseline}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Hold exactly what `state_dict` saved."""
        for name in _ARRAYS:
            rows = state[name].numpy()
            getattr(self, name)[: len(rows)] = rows
        self.pos, self.full, self.baseline = state["pos"], state["full"], state["baseline"]

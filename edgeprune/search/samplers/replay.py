"""Replay buffers with a random generator of their own, AMC's less a moving baseline."""

from typing import Any

import numpy as np
from gymnasium import spaces
from stable_baselines3.common.buffers import ReplayBuffer
from stable_baselines3.common.type_aliases import ReplayBufferSamples

#: What a transition consists of, as `ReplayBuffer` names it.
_ARRAYS = ("observations", "next_observations", "actions", "rewards", "dones")


class SeededReplay(ReplayBuffer):
    """Stable-Baselines3's ring buffer, drawing rows from its own generator, not NumPy's global.

    Args:
        buffer_size: transitions kept.
        observation_space: shape of an observation.
        action_space: shape of an action.
        rng: draws the rows of a batch.
        kwargs: passed on.
    """

    def __init__(
        self,
        buffer_size: int,
        observation_space: spaces.Space[Any],
        action_space: spaces.Space[Any],
        *,
        rng: np.random.Generator,
        **kwargs: Any,
    ) -> None:
        super().__init__(buffer_size, observation_space, action_space, **kwargs)
        self.rng = rng

    def sample(self, batch_size: int, env: Any = None) -> ReplayBufferSamples:
        """Draw transitions with replacement.

        Args:
            batch_size: how many.
            env: not used: nothing is normalised.

        Returns:
            Tensors with one row per transition; floats are float32.
        """
        rows = self.rng.integers(0, self.size(), batch_size)
        return ReplayBufferSamples(
            self.to_torch(self.observations[rows, 0]),
            self.to_torch(self.actions[rows, 0]),
            self.to_torch(self.next_observations[rows, 0]),
            self.to_torch(self.dones[rows]),
            self.to_torch(self._adjusted(self.rewards[rows])),
        )

    def state_dict(self) -> dict[str, Any]:
        """The transitions held, oldest rows included."""
        size = self.size()
        arrays = {name: self.to_torch(getattr(self, name)[:size]) for name in _ARRAYS}
        return {**arrays, "pos": self.pos, "full": self.full}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Hold exactly what `state_dict` saved."""
        for name in _ARRAYS:
            rows = state[name].numpy()
            getattr(self, name)[: len(rows)] = rows
        self.pos, self.full = state["pos"], state["full"]

    def _adjusted(self, rewards: np.ndarray) -> np.ndarray:
        return rewards


class BaselineReplay(SeededReplay):
    """Rewards have an exponential moving average of the batches' mean reward taken off.

    AMC's agent does so before its critic's target.

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
        super().__init__(buffer_size, observation_space, action_space, rng=rng, **kwargs)
        self.baseline_rate = baseline_rate
        self.baseline: float | None = None

    def state_dict(self) -> dict[str, Any]:
        """The transitions held, oldest rows included, and the baseline."""
        return {**super().state_dict(), "baseline": self.baseline}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Hold exactly what `state_dict` saved."""
        super().load_state_dict(state)
        self.baseline = state["baseline"]

    def _adjusted(self, rewards: np.ndarray) -> np.ndarray:
        mean = float(rewards.mean())
        if self.baseline is None:
            self.baseline = mean
        self.baseline += self.baseline_rate * (mean - self.baseline)
        return rewards - np.float32(self.baseline)

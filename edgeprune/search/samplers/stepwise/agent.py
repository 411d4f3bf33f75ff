"""Double DQN: Stable-Baselines3's networks and optimiser, driven from outside."""

from typing import Any

import gymnasium
import numpy as np
import torch
from gymnasium import spaces
from stable_baselines3 import DQN
from stable_baselines3.common.logger import Logger
from torch.nn import functional

from edgeprune.search.samplers.base import rng_from_state, rng_state
from edgeprune.search.samplers.isolation import isolated
from edgeprune.search.samplers.replay import SeededReplay
from edgeprune.search.samplers.stepwise.options import AgentOptions


class QAgent:
    """Values of a few discrete actions, learnt step by step.

    Args:
        state_size: length of an observation.
        actions: how many there are.
        options: sizes, rates and clocks.
        seed: fixes the weights and the batches.
    """

    def __init__(self, state_size: int, actions: int, options: AgentOptions, seed: int) -> None:
        self.options = options
        with isolated(seed):
            self._dqn = _DoubleDqn(
                "MlpPolicy",
                _Shapes(state_size, actions),
                learning_rate=options.learning_rate,
                buffer_size=options.replay,
                batch_size=options.batch_size,
                gamma=options.gamma,
                replay_buffer_class=SeededReplay,
                replay_buffer_kwargs={"rng": np.random.default_rng([seed, 1])},
                policy_kwargs={"net_arch": list(options.hidden)},
                device="cpu",
            )
        self._dqn.set_logger(Logger(None, []))
        buffer = self._dqn.replay_buffer
        if not isinstance(buffer, SeededReplay):
            msg = "Stable-Baselines3 built another replay buffer than it was asked for"
            raise TypeError(msg)
        self.replay = buffer

    @property
    def updates(self) -> int:
        """Gradient steps taken so far."""
        return self._dqn._n_updates

    def act(self, state: np.ndarray) -> int:
        """The action of the highest value.

        Args:
            state: float32 (state_size,).
        """
        with torch.inference_mode():
            values = self._dqn.q_net(torch.as_tensor(state, dtype=torch.float32)[None])
        return int(values.argmax(dim=1).item())

    def remember(
        self, state: np.ndarray, action: int, reward: float, after: np.ndarray, *, terminal: bool
    ) -> None:
        """Store one step.

        Args:
            state: float32 (state_size,), what was seen before acting.
            action: index of what was done.
            reward: what it earned.
            after: float32 (state_size,), what is seen now.
            terminal: nothing can follow, so that nothing is bootstrapped from `after`.
        """
        self.replay.add(
            state, after, np.array([action]), np.array([reward]), np.array([terminal]), [{}]
        )

    def learn(self) -> None:
        """One gradient step, once there is enough to learn from; copies the target in time."""
        if self.replay.size() < self.options.learning_starts:
            return
        with isolated(0):
            self._dqn.train(gradient_steps=1, batch_size=self.options.batch_size)
        if self.updates % self.options.target_every == 0:
            self._dqn.q_net_target.load_state_dict(self._dqn.q_net.state_dict())

    def policy(self) -> dict[str, torch.Tensor]:
        """A copy of the weights that act."""
        return {name: value.clone() for name, value in self._dqn.q_net.state_dict().items()}

    def state_dict(self) -> dict[str, Any]:
        """Network, target, optimiser and replay buffer."""
        return {
            **{name: part.state_dict() for name, part in self._parts().items()},
            "replay": self.replay.state_dict(),
            "rng": rng_state(self.replay.rng),
            "updates": self.updates,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on exactly where `state_dict` was called."""
        for name, part in self._parts().items():
            part.load_state_dict(state[name])
        self.replay.load_state_dict(state["replay"])
        self.replay.rng = rng_from_state(state["rng"])
        self._dqn._n_updates = state["updates"]

    def _parts(self) -> dict[str, Any]:
        dqn = self._dqn
        return {
            "q_net": dqn.q_net,
            "q_net_target": dqn.q_net_target,
            "optimizer": dqn.policy.optimizer,
        }


class _DoubleDqn(DQN):
    """DQN's gradient step with the target of Double DQN (van Hasselt et al., arXiv 1509.06461).

    The acting network chooses the next action, the target network says what it is worth.
    """

    def train(self, gradient_steps: int, batch_size: int = 100) -> None:
        self.policy.set_training_mode(True)
        self._update_learning_rate(self.policy.optimizer)
        if self.replay_buffer is None:
            msg = "Stable-Baselines3 built no replay buffer"
            raise TypeError(msg)
        for _ in range(gradient_steps):
            batch = self.replay_buffer.sample(batch_size)
            with torch.no_grad():
                chosen = self.q_net(batch.next_observations).argmax(dim=1, keepdim=True)
                worth = self.q_net_target(batch.next_observations).gather(1, chosen)
                wanted = batch.rewards + (1 - batch.dones) * self.gamma * worth
            values = self.q_net(batch.observations).gather(1, batch.actions.long())
            loss = functional.smooth_l1_loss(values, wanted)
            self.policy.optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            torch.nn.utils.clip_grad_norm_(self.policy.parameters(), self.max_grad_norm)
            self.policy.optimizer.step()
        self._n_updates += gradient_steps
        self.policy.set_training_mode(False)


class _Shapes(gymnasium.Env[np.ndarray, np.int64]):
    """Tells Stable-Baselines3 the shapes; it is never stepped."""

    def __init__(self, state_size: int, actions: int) -> None:
        self.observation_space = spaces.Box(-np.inf, np.inf, (state_size,), np.float32)
        self.action_space = spaces.Discrete(actions)

"""DDPG as AMC uses it: Stable-Baselines3's networks and gradient step, driven from outside."""

from collections.abc import Sequence
from typing import Any

import gymnasium
import numpy as np
import torch
from gymnasium import spaces
from stable_baselines3 import DDPG
from stable_baselines3.common.logger import Logger

from edgeprune.search.samplers.amc.options import AmcOptions
from edgeprune.search.samplers.base import rng_from_state, rng_state
from edgeprune.search.samplers.isolation import isolated
from edgeprune.search.samplers.replay import BaselineReplay


class Agent:
    """An actor and a critic over one scalar action in [0, 1].

    What differs from AMC's own networks (``lib/agent.py``): the actor's output is
    ``(tanh(x) + 1) / 2``, which is ``sigmoid(2 x)``, where AMC has ``sigmoid(x)``; the critic sees
    the action in [-1, 1] and concatenated to the state, which is the same function family as
    AMC's sum of two first layers; weights start as torch's linear layers do.

    Args:
        state_size: length of an observation.
        episode_length: transitions per episode (channel groups).
        options: AMC's numbers.
        seed: fixes the weights and the batches.
    """

    def __init__(
        self, state_size: int, episode_length: int, options: AmcOptions, seed: int
    ) -> None:
        self.options = options
        with isolated(seed):
            self._ddpg = _TwoRates(
                "MlpPolicy",
                _Shapes(state_size),
                learning_rate=options.critic_lr,
                buffer_size=options.replay_episodes * episode_length,
                batch_size=options.batch_size,
                tau=options.tau,
                gamma=options.gamma,
                replay_buffer_class=BaselineReplay,
                replay_buffer_kwargs={
                    "rng": np.random.default_rng([seed, 1]),
                    "baseline_rate": options.baseline_rate,
                },
                policy_kwargs={
                    "net_arch": list(options.hidden),
                    "optimizer_kwargs": {"fused": True},  # a tenth less time for a step
                },
                device="cpu",
            )
        self._ddpg.actor_lr = options.actor_lr
        self._ddpg.set_logger(Logger(None, []))
        buffer = self._ddpg.replay_buffer
        if not isinstance(buffer, BaselineReplay):
            msg = "Stable-Baselines3 built another replay buffer than it was asked for"
            raise TypeError(msg)
        self.replay = buffer

    def act(self, state: np.ndarray) -> float:
        """The actor's action in [0, 1], without noise.

        Args:
            state: float32 (state_size,).
        """
        with torch.inference_mode():
            action = self._ddpg.actor(torch.as_tensor(state, dtype=torch.float32)[None])
        return (float(action.item()) + 1) / 2

    def remember(self, states: np.ndarray, actions: Sequence[float], reward: float) -> None:
        """Store one episode; every transition gets the episode's final reward.

        Args:
            states: float32 (episode_length, state_size).
            actions: raw actions in [0, 1], before wall and rounding.
            reward: of the whole episode.
        """
        last = len(actions) - 1
        nothing = np.zeros_like(states[0])
        for index, action in enumerate(actions):
            self.replay.add(
                states[index],
                nothing if index == last else states[index + 1],
                np.array([2 * action - 1]),
                np.array([reward]),
                np.array([index == last]),
                [{}],
            )

    def forget(self) -> None:
        """Empty the replay buffer; the networks stay as they are."""
        self.replay.reset()
        self.replay.baseline = None

    def restart(self) -> None:
        """Forget, and start the optimisers' moments anew: the networks serve another task."""
        self.forget()
        for network in (self._ddpg.actor, self._ddpg.critic):
            network.optimizer.state.clear()

    def learn(self, updates: int) -> None:
        """Take gradient steps on batches of the replay buffer."""
        with isolated(0):
            self._ddpg.train(gradient_steps=updates, batch_size=self.options.batch_size)

    def state_dict(self) -> dict[str, Any]:
        """Networks, targets, optimisers and replay buffer."""
        return {
            **{name: part.state_dict() for name, part in self._parts().items()},
            "replay": self.replay.state_dict(),
            "rng": rng_state(self.replay.rng),
            "updates": self._ddpg._n_updates,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on exactly where `state_dict` was called."""
        for name, part in self._parts().items():
            part.load_state_dict(state[name])
        self.replay.load_state_dict(state["replay"])
        self.replay.rng = rng_from_state(state["rng"])
        self._ddpg._n_updates = state["updates"]

    def _parts(self) -> dict[str, Any]:
        ddpg = self._ddpg
        return {
            "actor": ddpg.actor,
            "actor_target": ddpg.actor_target,
            "critic": ddpg.critic,
            "critic_target": ddpg.critic_target,
            "actor_optimizer": ddpg.actor.optimizer,
            "critic_optimizer": ddpg.critic.optimizer,
        }


class _TwoRates(DDPG):
    """Stable-Baselines3 has one learning rate for both networks; AMC has two."""

    actor_lr: float

    def _update_learning_rate(self, optimizers: Any) -> None:
        super()._update_learning_rate(optimizers)
        for group in self.actor.optimizer.param_groups:
            group["lr"] = self.actor_lr


class _Shapes(gymnasium.Env[np.ndarray, np.ndarray]):
    """Tells Stable-Baselines3 the shapes; it is never stepped."""

    def __init__(self, state_size: int) -> None:
        self.observation_space = spaces.Box(-np.inf, np.inf, (state_size,), np.float32)
        self.action_space = spaces.Box(0.0, 1.0, (1,), np.float32)

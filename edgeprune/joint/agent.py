"""Soft actor-critic as RLAL uses it: Stable-Baselines3's, with z appended to every state."""

from collections.abc import Sequence
from typing import Any

import gymnasium
import numpy as np
import torch
from gymnasium import spaces
from stable_baselines3 import SAC
from stable_baselines3.common.logger import Logger
from stable_baselines3.common.type_aliases import ReplayBufferSamples

from edgeprune.joint.representation import Steps
from edgeprune.search.samplers.base import rng_from_state, rng_state
from edgeprune.search.samplers.isolation import isolated
from edgeprune.search.samplers.replay import BaselineReplay

_HIDDEN = (300, 300)
_ACTOR_LR, _CRITIC_LR = 1e-4, 1e-3
#: The paper's 0.1 is worth as much as ten points of accuracy, and keeps the policy random.
_ENTROPY = 0.01
_TAU = 0.005
_BATCH, _REPLAY = 64, 10_000


class RoundReplay(BaselineReplay):
    """Transitions that know their round; what is handed out bears the round's newest z.

    The round is stored in the first of the places that z takes in an observation.
    """

    def __init__(self, *arguments: Any, **keywords: Any) -> None:
        super().__init__(*arguments, baseline_rate=0.0, **keywords)
        self.baseline = 0.0  # rewards as they are
        self.table = torch.empty(0)

    def sample(self, batch_size: int, env: Any = None) -> ReplayBufferSamples:
        """Draw transitions with replacement; see `BaselineReplay.sample`."""
        found = super().sample(batch_size, env)
        return found._replace(
            observations=self._with_z(found.observations),
            next_observations=self._with_z(found.next_observations),
        )

    def steps(self, batch_size: int) -> Steps:
        """Draw transitions for the representation."""
        found = super().sample(batch_size)
        size = self.table.shape[1]
        return Steps(
            found.observations[:, :-size],
            (found.actions + 1) / 2,
            found.observations[:, -size].long(),
            found.rewards[:, 0],
        )

    def _with_z(self, observations: torch.Tensor) -> torch.Tensor:
        size = self.table.shape[1]
        rounds = observations[:, -size].long()
        return torch.cat([observations[:, :-size], self.table[rounds]], 1)


class Agent:
    """Actor and twin critics over one keep ratio in [0, 1], conditioned on z.

    The temperature is fixed; z reaches the agent without gradients (the safer reading of the
    paper; docs/algorithms.md#joint).

    Values are learned from whole returns. A state tells what is spent but not on which groups, so
    a value that is learned from the next state's value, as the paper does it, cannot tell which
    group's width earned the reward: that agent was no better than random structures after 36
    rounds on a network with known accuracies (docs/results.md).

    Args:
        state_size: length of a state, without z.
        z_size: length of z.
        seed: fixes the weights, the batches and the exploration.
        use_z: False gives it zeros in place of z, to see what z is worth.
    """

    def __init__(self, state_size: int, z_size: int, seed: int, *, use_z: bool = True) -> None:
        self._use_z, self._z_size, self._seed, self._drawn = use_z, z_size, seed, 0
        with isolated(seed):
            self._sac = _TwoRates(
                "MlpPolicy",
                _Shapes(state_size + z_size),
                learning_rate=_CRITIC_LR,
                buffer_size=_REPLAY,
                batch_size=_BATCH,
                tau=_TAU,
                gamma=1.0,  # every step ends its return
                ent_coef=_ENTROPY,
                replay_buffer_class=RoundReplay,
                replay_buffer_kwargs={"rng": np.random.default_rng([seed, 2])},
                policy_kwargs={"net_arch": list(_HIDDEN)},
                device="cpu",
            )
        self._sac.set_logger(Logger(None, []))
        buffer = self._sac.replay_buffer
        if not isinstance(buffer, RoundReplay):
            msg = "Stable-Baselines3 built another replay buffer than it was asked for"
            raise TypeError(msg)
        self.replay = buffer

    def look(self, table: torch.Tensor) -> None:
        """Use these representations, (rounds, z size), from now on."""
        fixed = table.detach().clone()
        self.replay.table = fixed if self._use_z else torch.zeros_like(fixed)

    def act(self, state: np.ndarray, number: int, *, explore: bool) -> float:
        """A keep ratio.

        Args:
            state: float32 (state_size,).
            number: the round.
            explore: draw from the policy, in place of its most likely action.
        """
        observation = torch.cat([torch.as_tensor(state), self.replay.table[number]])[None]
        self._drawn += 1
        with isolated(self._seed * 1_000_003 + self._drawn), torch.inference_mode():
            action = self._sac.actor(observation, deterministic=not explore)
        return (float(action.item()) + 1) / 2

    def remember(
        self, states: np.ndarray, actions: Sequence[float], reward: float, number: int
    ) -> None:
        """Store one episode: every step with the reward that it led to, wherever it stands.

        Args:
            states: float32 (groups, state_size).
            actions: keep ratios inside the bounds.
            reward: of the whole episode, relative to the structure that leads.
            number: the round.
        """
        z = np.zeros((len(states), self._z_size), np.float32)
        z[:, 0] = number
        rows = np.concatenate([states, z], 1)
        for index, action in enumerate(actions):
            self.replay.add(
                rows[index],
                rows[index],  # every step ends its return: none follows
                np.array([2 * action - 1]),
                np.array([reward]),
                np.array([True]),
                [{}],
            )

    def learn(self, updates: int) -> None:
        """Take gradient steps on batches of the replay buffer."""
        self._drawn += 1
        with isolated(self._seed * 1_000_003 + self._drawn):
            self._sac.train(gradient_steps=updates, batch_size=_BATCH)

    def saved(self) -> dict[str, Any]:
        """Networks, targets, optimisers and replay buffer."""
        return {
            **{name: part.state_dict() for name, part in self._parts().items()},
            "replay": self.replay.state_dict(),
            "rng": rng_state(self.replay.rng),
            "drawn": self._drawn,
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go on exactly where `saved` was called."""
        for name, part in self._parts().items():
            part.load_state_dict(state[name])
        self.replay.load_state_dict(state["replay"])
        self.replay.rng = rng_from_state(state["rng"])
        self._drawn = state["drawn"]

    def _parts(self) -> dict[str, Any]:
        sac = self._sac
        return {
            "actor": sac.actor,
            "critic": sac.critic,
            "critic_target": sac.critic_target,
            "actor_optimizer": sac.actor.optimizer,
            "critic_optimizer": sac.critic.optimizer,
        }


class _TwoRates(SAC):
    """Stable-Baselines3 has one learning rate for both networks; RLAL has two."""

    def _update_learning_rate(self, optimizers: Any) -> None:
        super()._update_learning_rate(optimizers)
        for group in self.actor.optimizer.param_groups:
            group["lr"] = _ACTOR_LR


class _Shapes(gymnasium.Env[np.ndarray, np.ndarray]):
    """Tells Stable-Baselines3 the shapes; it is never stepped."""

    def __init__(self, size: int) -> None:
        self.observation_space = spaces.Box(-np.inf, np.inf, (size,), np.float32)
        self.action_space = spaces.Box(0.0, 1.0, (1,), np.float32)

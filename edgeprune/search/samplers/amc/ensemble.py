"""Critics over whole plans: a few small networks, each fitted to its own draw of the trials."""

import numpy as np
import torch
from torch import nn

from edgeprune.search.samplers.isolation import isolated
from edgeprune.search.sources import Floats

_MEMBERS = 5
_HIDDEN = 48
_STEPS = 150
_LR, _DECAY = 0.01, 0.02


class Ensemble:
    """Rewards of plans, with how much the critics differ.

    Every critic is a linear part beside two hidden layers, so that a few trials give a line and
    more of them bend it. Critics differ in their weights at the start and in how much each trial
    counts for them (exponential draws: the Bayesian bootstrap, Rubin, 1981).

    Args:
        plans: float64 (trials, inputs).
        rewards: float64 (trials,).
        seed: fixes all random choices.
    """

    def __init__(self, plans: Floats, rewards: Floats, seed: int) -> None:
        self._centre, self._scale = plans.mean(axis=0), plans.std(axis=0)
        self._scale[self._scale == 0] = 1.0
        self._level, self._spread = float(rewards.mean()), float(rewards.std()) or 1.0
        inputs = self._inputs(plans)
        targets = torch.from_numpy((rewards - self._level) / self._spread).float()
        with isolated(seed):
            self._critics = _Critics(inputs.shape[1])
            weights = torch.distributions.Exponential(1.0).sample((_MEMBERS, len(rewards)))
            optimiser = torch.optim.AdamW(
                self._critics.parameters(), lr=_LR, weight_decay=_DECAY, fused=True
            )
            for _ in range(_STEPS):
                optimiser.zero_grad()
                loss = (weights * (self._critics(inputs) - targets) ** 2).mean(dim=1).sum()
                loss.backward()
                optimiser.step()

    def predict(self, plans: Floats) -> tuple[Floats, Floats]:
        """Mean and standard deviation of the critics' answers for plans (n, inputs): two (n,)."""
        with isolated(0), torch.inference_mode():
            found = self._critics(self._inputs(plans)).numpy().astype(np.float64)
        mean = self._level + self._spread * found.mean(axis=0)
        return mean, self._spread * found.std(axis=0)

    def _inputs(self, plans: Floats) -> torch.Tensor:
        return torch.from_numpy((plans - self._centre) / self._scale).float()


class _Critics(nn.Module):
    """All critics at once: (trials, inputs) to (members, trials)."""

    def __init__(self, inputs: int) -> None:
        super().__init__()
        sizes = [(inputs, _HIDDEN), (_HIDDEN, _HIDDEN), (_HIDDEN, 1)]
        self.weights = nn.ParameterList(
            torch.randn(_MEMBERS, before, after) / before**0.5 for before, after in sizes
        )
        self.biases = nn.ParameterList(torch.zeros(_MEMBERS, 1, after) for _, after in sizes)
        self.line = nn.Parameter(torch.zeros(_MEMBERS, inputs, 1))

    def forward(self, plans: torch.Tensor) -> torch.Tensor:
        known = plans.expand(_MEMBERS, -1, -1)
        found = known
        for weight, bias in zip(self.weights[:-1], self.biases[:-1], strict=True):
            found = torch.relu(torch.baddbmm(bias, found, weight))
        found = torch.baddbmm(self.biases[-1], found, self.weights[-1])
        return (found + torch.bmm(known, self.line)).squeeze(-1)

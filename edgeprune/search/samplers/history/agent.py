"""What transfers: an actor regressed on the best plans, and a critic of whole plans."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import nn

from edgeprune.search.problem import SearchProblem
from edgeprune.search.samplers.amc.ensemble import Ensemble
from edgeprune.search.samplers.amc.episode import Episode
from edgeprune.search.samplers.isolation import isolated
from edgeprune.search.sources import Floats, SourceRun
from edgeprune.search.translation import blend, kinds, translated

#: Share of a search's trials that the actor is regressed on.
_ELITE = 0.1
#: Cost over the budget that still counts as within: measurements scatter.
_SLACK = 1.02
_HIDDEN, _STEPS, _LR = 64, 200, 3e-3
#: Trials of earlier searches that the critic is fitted to; each own trial takes the place of two.
_MOST = 120
#: Own trials below which their mean and deviation say too little to compare them with others'.
_FEWEST = 6


def elite(rewards: Floats, costs: Floats, budget: float) -> list[int]:
    """Places of the best tenth of the trials within a budget, at least one; the best first."""
    within = np.flatnonzero(costs <= _SLACK * budget)
    if not len(within):
        within = np.array([int(np.argmin(costs))])
    order = within[np.argsort(-rewards[within], kind="stable")]
    return [int(one) for one in order[: max(1, round(_ELITE * len(order)))]]


def standardised(rewards: Floats) -> Floats:
    """With mean 0 and deviation 1; all 0 where they do not differ."""
    if not len(rewards):
        return rewards
    return np.asarray((rewards - rewards.mean()) / (float(rewards.std()) or 1.0))


class Actor:
    """Keep ratios of groups, regressed on the episodes of good plans.

    Args:
        episodes: of plans as they were evaluated, with the cost that was reached in their states.
        seed: fixes the weights.
    """

    def __init__(self, episodes: Sequence[Episode], seed: int) -> None:
        states = torch.from_numpy(np.concatenate([one.states for one in episodes]))
        ratios = torch.tensor([[action] for one in episodes for action in one.actions])
        with isolated(seed):
            self._net = nn.Sequential(
                nn.Linear(states.shape[1], _HIDDEN),
                nn.ReLU(),
                nn.Linear(_HIDDEN, _HIDDEN),
                nn.ReLU(),
                nn.Linear(_HIDDEN, 1),
                nn.Sigmoid(),
            )
            optimiser = torch.optim.AdamW(self._net.parameters(), lr=_LR, fused=True)
            for _ in range(_STEPS):
                optimiser.zero_grad()
                loss = nn.functional.mse_loss(self._net(states), ratios.float())
                loss.backward()  # type: ignore[no-untyped-call]
                optimiser.step()

    def act(self, state: np.ndarray) -> float:
        """The keep ratio of a group, 0 to 1.

        Args:
            state: float32 (inputs,), of a `TransferWalk`.
        """
        with torch.inference_mode():
            return float(self._net(torch.as_tensor(state, dtype=torch.float32)[None]).item())


class PlanCritic:
    """Promised rewards of whole plans, from earlier searches' trials and the current one's.

    Plans of other networks are brought to this one's groups (`translated`), rewards are
    standardised search by search, so that one ensemble fits all of them.

    Args:
        problem: what is searched.
        sources: cleaned.
        seed: fixes all random choices.
    """

    def __init__(self, problem: SearchProblem, sources: Sequence[SourceRun], seed: int) -> None:
        self._seed = seed
        self._blend = blend(kinds(problem.feature_names, problem.features))
        plans = [translated(one, problem, one.ratios) @ self._blend for one in sources]
        scores = [standardised(one.rewards) for one in sources]
        self._spread = float(np.median([one.rewards.std() for one in sources])) or 1.0
        self._plans, self._scores = np.concatenate(plans), np.concatenate(scores)
        self._critics: Ensemble | None = None
        self.learn(np.empty((0, len(problem.groups))), np.empty(0))

    @property
    def trials(self) -> int:
        """How many trials of the current search it has learned from."""
        return len(self._own)

    def learn(self, ratios: Floats, rewards: Floats) -> None:
        """Learn from all trials of the current search: (trials, groups) and (trials,)."""
        self._own, self._rewards = ratios @ self._blend, rewards
        self._critics = None

    def predict(self, ratios: Floats) -> tuple[Floats, Floats]:
        """Means and standard deviations for plans (n, groups): two (n,).

        In units of the reward, as far as its spread is known; 0 is the mean of a search's trials.
        """
        if self._critics is None:
            own = self.trials if self.trials >= _FEWEST else 0
            self._scale = (float(self._rewards.std()) if own else self._spread) or 1.0
            left = min(len(self._plans), max(_MOST - 2 * own, 0))
            rows = np.random.default_rng(self._seed).permutation(len(self._plans))[:left]
            plans = np.concatenate([self._plans[rows], self._own[:own]])
            scores = np.concatenate([self._scores[rows], standardised(self._rewards[:own])])
            self._critics = Ensemble(plans, scores, self._seed)
        mean, deviation = self._critics.predict(ratios @ self._blend)
        return self._scale * mean, self._scale * deviation

"""The arms of `systems.py`: samplers with their options, and what they are told."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState

from edgeprune.search import SearchProblem, Widths
from edgeprune.search.fitting import fit_to_budget
from edgeprune.search.reward_noise import LATENCY_RATIO
from edgeprune.search.samplers import WidthSampler


@dataclass(frozen=True)
class Arm:
    """A search.

    Attributes:
        sampler: its name.
        options: its settings.
        told: whether it is told the sensitivity curves, and begins with the allocations.
    """

    sampler: str
    options: Mapping[str, Any] = field(default_factory=dict)
    told: bool = True


#: ``_blind``: the same without the curves. All arms but ``random`` begin with the filled uniform
#: plan; those that are told the curves and are not ``knapsack`` with the allocations as well.
ARMS: dict[str, Arm] = {
    "uniform_filled": Arm("filled", told=False),
    "random": Arm("random", told=False),
    "local": Arm("systems_arms:local_search"),
    "local_blind": Arm("systems_arms:local_search", told=False),
    "cmaes": Arm("optuna:CmaEsSampler"),
    "cmaes_blind": Arm("optuna:CmaEsSampler", told=False),
    "tpe": Arm("optuna:TPESampler"),
    "tpe_blind": Arm("optuna:TPESampler", told=False),
    "knapsack": Arm("knapsack"),
    "amc": Arm("amc"),
    "amc_blind": Arm("amc", told=False),
    "ddpg": Arm("amc", {"critic": "step"}),
    "ddpg_blind": Arm("amc", {"critic": "step"}, told=False),
    "ddpg_published": Arm(
        "amc",
        {"critic": "step", "relative": False, "wall": True, "spend_budget": False},
        told=False,
    ),
    "reinforce": Arm("amc", {"critic": "none"}),
    "reinforce_blind": Arm("amc", {"critic": "none"}, told=False),
    "bocr": Arm("bocr"),
    "bocr_tied": Arm("bocr", {"rollback": "none"}),
    "bocr_blind": Arm("bocr", told=False),
    "bocr_tied_blind": Arm("bocr", {"rollback": "none"}, told=False),
    "purl": Arm("purl"),
    "purl_blind": Arm("purl", told=False),
    "purl_published": Arm("purl", {"around": False}, told=False),
    "purl_terminal": Arm("purl", {"around": False, "reward": "terminal"}, told=False),
    "qlp": Arm("qlp"),
    "qlp_blind": Arm("qlp", told=False),
    "qlp_terminal": Arm("qlp", {"reward": "terminal"}, told=False),
    "qlp_partial": Arm("qlp", {"evaluate": "partial"}, told=False),
    "qlp_direct": Arm("qlp", {"curriculum": False}, told=False),
    "qlp_single": Arm(
        "qlp",
        {"curriculum": False, "sweeps": 1, "actions": [0.0, 0.15, 0.3, 0.45, 0.6, 0.75, 0.9]},
        told=False,
    ),
    "qlp_seeing": Arm("qlp", {"see_cost": True}, told=False),
    "qlp_random": Arm(
        "qlp", {"learning_starts": 10**6, "last_epsilon": 1.0, "next_epsilon": 1.0}, told=False
    ),
}
#: What the best system is held against.
BLACK_BOX = ("random", "local", "local_blind", "cmaes", "cmaes_blind", "tpe", "tpe_blind")
#: The published systems, in the forms that they have here.
SYSTEMS = (
    *("amc", "amc_blind", "ddpg", "ddpg_blind", "reinforce", "reinforce_blind"),
    *("bocr", "bocr_blind", "purl", "purl_blind", "qlp", "qlp_blind"),
)

#: Differences of two arms' medians, in points.
PAIRS = {
    "purl_gain_over_random": ("purl_blind", "random"),
    "rollback_gain": ("bocr", "bocr_tied"),
    "rollback_gain_blind": ("bocr_blind", "bocr_tied_blind"),
    "dense_over_terminal_purl": ("purl_published", "purl_terminal"),
    "dense_over_terminal_qlp": ("qlp_blind", "qlp_terminal"),
    "multi_over_single": ("qlp_direct", "qlp_single"),
    "curriculum_over_direct": ("qlp_blind", "qlp_direct"),
    "completed_over_partial": ("qlp_blind", "qlp_partial"),
    "learning_over_random_actions": ("qlp_blind", "qlp_random"),
}


class LocalSearch(WidthSampler):
    """(1+1) local search: changes of the best plan so far, a few groups at a time."""

    _best: tuple[float, dict[str, int]] | None = None

    def propose(self, study: Study, trial: FrozenTrial) -> Widths:
        """Change about three groups of the best plan; of none yet, the uniform one."""
        full, groups = self.problem.full, self.problem.groups
        start = {group: 1.0 for group in groups}
        if self._best is not None:
            start = {group: self._best[1][group] / full[group] for group in groups}
        touched = self.rng.random(len(groups)) < 3 / len(groups)
        touched[self.rng.integers(len(groups))] = True
        factors = np.exp(0.4 * touched * self.rng.standard_normal(len(groups)))
        ratios = {
            group: min(start[group] * factor, 1.0)
            for group, factor in zip(groups, factors.tolist(), strict=True)
        }
        if self.problem.branches and self.rng.random() < 0.15:
            branch = self.problem.branches[self.rng.integers(len(self.problem.branches))]
            new = 0.0 if ratios[branch[0]] else float(self.rng.uniform(0.3, 1.0))
            ratios |= dict.fromkeys(branch, new)
        return fit_to_budget(self.problem, ratios)

    def after_trial(
        self,
        study: Study,
        trial: FrozenTrial,
        state: TrialState,
        values: Sequence[float] | None,
    ) -> None:
        """Keep what is within the budget and no worse."""
        if state != TrialState.COMPLETE or not values:
            return
        inside = trial.user_attrs.get(LATENCY_RATIO, 0.0) <= self.problem.target
        if inside and (self._best is None or values[0] >= self._best[0]):
            self._best = float(values[0]), dict(trial.params)


def local_search(problem: SearchProblem, seed: int, trials: int) -> LocalSearch:
    """As a pipeline's ``module:function``."""
    return LocalSearch(problem, seed)

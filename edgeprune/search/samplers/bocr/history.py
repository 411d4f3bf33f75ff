"""What BOCR learns from: the points of a study, and points of earlier searches."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState

from edgeprune.search.distributions import to_widths
from edgeprune.search.fitting import keep_ratios
from edgeprune.search.problem import SearchProblem, Widths
from edgeprune.search.reward_noise import LATENCY_RATIO, REWARD_NOISE
from edgeprune.search.samplers.bocr.clusters import Floats


@dataclass(frozen=True)
class Point:
    """Widths that were evaluated in an earlier search.

    Attributes:
        widths: of every group; moved to the nearest allowed ones.
        reward: on the scale of this search's rewards.
        noise: standard deviation of the reward, as far as it is known.
        cost: measured, as a ratio to the base model; None where it is only estimated.
    """

    widths: Mapping[str, int]
    reward: float
    noise: float = 0.0
    cost: float | None = None


@dataclass(frozen=True)
class History:
    """Evaluated points, oldest first.

    Attributes:
        ratios: applied keep ratios, float64 (evaluations, groups).
        rewards: float64 (evaluations,).
        noise: standard deviations of the rewards as far as measured, float64 (evaluations,).
        costs: measured latency ratios, estimates where there are none, float64 (evaluations,).
    """

    ratios: Floats
    rewards: Floats
    noise: Floats
    costs: Floats

    def __len__(self) -> int:
        return len(self.rewards)

    def after(self, earlier: "History") -> "History":
        """Both, the earlier points first."""
        return History(
            np.concatenate([earlier.ratios, self.ratios]),
            np.concatenate([earlier.rewards, self.rewards]),
            np.concatenate([earlier.noise, self.noise]),
            np.concatenate([earlier.costs, self.costs]),
        )


def history_of(problem: SearchProblem, points: Sequence[Point]) -> History:
    """Points as arrays.

    Args:
        problem: the groups; its cost stands in where none was measured.
        points: oldest first.
    """
    found = [to_widths(problem, point.widths) for point in points]
    costs = [
        problem.cost(widths) if point.cost is None else point.cost
        for widths, point in zip(found, points, strict=True)
    ]
    return History(
        ratios_of(problem, found),
        np.array([point.reward for point in points], dtype=np.float64),
        np.array([point.noise for point in points], dtype=np.float64),
        np.array(costs, dtype=np.float64),
    )


def evaluated(problem: SearchProblem, study: Study) -> History:
    """All finished trials of a study that have widths."""
    points = [
        Point(
            trial.params,
            trial.value or 0.0,
            trial.user_attrs.get(REWARD_NOISE, 0.0),
            trial.user_attrs.get(LATENCY_RATIO),
        )
        for trial in _trials(problem, study, TrialState.COMPLETE)
    ]
    return history_of(problem, points)


def waiting(problem: SearchProblem, study: Study, but: int) -> Floats:
    """Keep ratios, float64 (trials, groups), of what is being evaluated, one trial left aside."""
    trials = _trials(problem, study, TrialState.RUNNING)
    found = [to_widths(problem, trial.params) for trial in trials if trial.number != but]
    return ratios_of(problem, found)


def ratios_of(problem: SearchProblem, widths: Sequence[Widths]) -> Floats:
    """Keep ratios, float64 (candidates, groups)."""
    rows = [list(keep_ratios(problem, one).values()) for one in widths]
    return np.array(rows, dtype=np.float64).reshape(len(rows), len(problem.groups))


def _trials(problem: SearchProblem, study: Study, state: TrialState) -> list[FrozenTrial]:
    return [
        trial
        for trial in study.get_trials(deepcopy=False, states=(state,))
        if all(group in trial.params for group in problem.groups)
    ]

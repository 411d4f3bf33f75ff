"""What a list of trials amounts to: the Pareto front, and the best so far."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Protocol, TypeVar

if TYPE_CHECKING:
    from edgeprune.report.summary import Trial


class Scored(Protocol):
    """Anything that has an accuracy."""

    @property
    def accuracy(self) -> float:
        """0 to 1."""


Model = TypeVar("Model", bound=Scored)


def frontier(models: Sequence[Model], cost: Callable[[Model], float]) -> list[Model]:
    """The models that no other beats in both cost and accuracy.

    A model is left out if another costs at most as much and is at least as accurate, and better
    in one of the two; of equal ones the first stays.

    Args:
        models: in any order.
        cost: of a model.

    Returns:
        The frontier, cheapest first; cost and accuracy both rise strictly along it.
    """
    best: list[Model] = []
    for model in sorted(models, key=lambda model: (cost(model), -model.accuracy)):
        if not best or model.accuracy > best[-1].accuracy:
            best.append(model)
    return best


def pareto_front(trials: "Sequence[Trial]") -> "list[Trial]":
    """The `frontier` of trials in what the budget is on and accuracy, cheapest first.

    Args:
        trials: in any order.
    """
    return frontier(trials, lambda trial: trial.cost)


def best_so_far(trials: "Sequence[Trial]") -> "list[Trial | None]":
    """The feasible trial with the highest reward among the first 1, 2, 3, … trials.

    Args:
        trials: of one sampler, in the order they ran.

    Returns:
        One entry a trial; None until the first feasible one.
    """
    best: Trial | None = None
    course: list[Trial | None] = []
    for trial in trials:
        if trial.feasible and (best is None or trial.reward > best.reward):
            best = trial
        course.append(best)
    return course


def by_sampler(trials: "Sequence[Trial]") -> "dict[str, list[Trial]]":
    """The trials of each sampler by number, samplers in order of first appearance."""
    grouped: dict[str, list[Trial]] = {}
    for trial in trials:
        grouped.setdefault(trial.sampler, []).append(trial)
    return {name: sorted(found, key=lambda trial: trial.number) for name, found in grouped.items()}

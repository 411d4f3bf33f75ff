"""What a list of trials amounts to: the Pareto front, and the best so far."""

from collections.abc import Sequence

from edgeprune.report.summary import Trial


def pareto_front(trials: Sequence[Trial]) -> list[Trial]:
    """The trials that no other beats in both latency and accuracy.

    A trial is left out if another is at least as fast and at least as accurate, and better in
    one of the two; of equal ones the first stays.

    Args:
        trials: in any order.

    Returns:
        The front, fastest first; ratio and accuracy both rise strictly along it.
    """
    front: list[Trial] = []
    for trial in sorted(trials, key=lambda trial: (trial.ratio, -trial.accuracy)):
        if not front or trial.accuracy > front[-1].accuracy:
            front.append(trial)
    return front


def best_so_far(trials: Sequence[Trial]) -> list[Trial | None]:
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


def by_sampler(trials: Sequence[Trial]) -> dict[str, list[Trial]]:
    """The trials of each sampler by number, samplers in order of first appearance."""
    grouped: dict[str, list[Trial]] = {}
    for trial in trials:
        grouped.setdefault(trial.sampler, []).append(trial)
    return {name: sorted(found, key=lambda trial: trial.number) for name, found in grouped.items()}

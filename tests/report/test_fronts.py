import random

from edgeprune.report import Trial
from edgeprune.report.fronts import best_so_far, by_sampler, pareto_front


def _trial(
    number: int, ratio: float, accuracy: float, *, feasible: bool = True, sampler: str = "amc"
) -> Trial:
    return Trial(number, sampler, accuracy, ratio, ratio, 1, accuracy, feasible)


def _beats(one: Trial, other: Trial) -> bool:
    return (
        one.ratio <= other.ratio
        and one.accuracy >= other.accuracy
        and (one.ratio, one.accuracy) != (other.ratio, other.accuracy)
    )


def test_front_is_what_nothing_beats() -> None:
    generator = random.Random(1)
    for _ in range(50):
        # Few distinct values, so that ties in either direction are common.
        trials = [
            _trial(index, generator.randint(1, 8) / 10, generator.randint(1, 8) / 10)
            for index in range(40)
        ]
        expected = {
            (trial.ratio, trial.accuracy)
            for trial in trials
            if not any(_beats(other, trial) for other in trials)
        }
        front = [(trial.ratio, trial.accuracy) for trial in pareto_front(trials)]
        assert front == sorted(expected)


def test_front_of_nothing() -> None:
    assert pareto_front([]) == []


def test_best_so_far_waits_for_a_feasible_trial_and_never_falls() -> None:
    trials = [
        _trial(0, 0.6, 0.9, feasible=False),
        _trial(1, 0.4, 0.5),
        _trial(2, 0.4, 0.4),
        _trial(3, 0.4, 0.7),
        _trial(4, 0.6, 0.95, feasible=False),
    ]
    course = [best and best.number for best in best_so_far(trials)]
    assert course == [None, 1, 1, 3, 3]


def test_samplers_keep_their_order_and_trials_are_sorted() -> None:
    trials = [
        _trial(1, 0.5, 0.5),
        _trial(0, 0.5, 0.5, sampler="random"),
        _trial(0, 0.5, 0.5),
    ]
    grouped = by_sampler(trials)
    assert list(grouped) == ["amc", "random"]
    assert [trial.number for trial in grouped["amc"]] == [0, 1]

"""Candidates whose measurement fails: set aside, told to the sampler, kept in the journal."""

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path

import optuna
import pytest
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import TrialState

from edgeprune.errors import EdgepruneError, MeasurementError, TargetError
from edgeprune.search import (
    Outcome,
    SearchResult,
    SetAside,
    Widths,
    make_sampler,
    read_entries,
    read_trials,
    run_search,
)
from edgeprune.search.samplers.optuna.sampler import optuna_samplers
from edgeprune.search.samplers.registry import samplers
from edgeprune.testing.samplers import SmallNet, accuracy_reward

NET = SmallNet()


def _failing(places: Iterator[bool], evaluated: list[Widths]) -> Callable[[Widths], Outcome]:
    def evaluate(widths: Widths) -> Outcome:
        evaluated.append(widths)
        if next(places):
            msg = f"the device was lost at {len(evaluated)}"
            raise MeasurementError(msg)
        return NET.evaluate(widths)

    return evaluate


def _run(
    directory: Path,
    fails: Iterator[bool],
    trials: int = 8,
    *,
    sampler: str = "knapsack",
    evaluated: list[Widths] | None = None,
    **changes: object,
) -> SearchResult:
    problem = NET.problem()
    evaluate = _failing(fails, [] if evaluated is None else evaluated)
    made = make_sampler(sampler, problem, 0, 8, {})
    return run_search(
        *(problem, made, changes.pop("evaluate", evaluate), accuracy_reward),  # type: ignore[arg-type]
        trials=trials,
        directory=directory,
        **changes,  # type: ignore[arg-type]
    )


def _pattern(*failing: int) -> Iterator[bool]:
    return (place in failing for place in itertools.count())


def _needs(name: str) -> None:
    """Some of Optuna's samplers, and BOCR, need packages that are extras."""
    if "CmaEs" in name:
        pytest.importorskip("cmaes")
    try:
        make_sampler(name, NET.problem(), 0, 8, {})
    except EdgepruneError as error:
        pytest.skip(str(error))


@pytest.mark.parametrize("name", [*samplers(), *(f"optuna:{one}" for one in optuna_samplers())])
def test_every_sampler_goes_on_after_failed_trials(name: str, tmp_path: Path) -> None:
    _needs(name)
    evaluated: list[Widths] = []
    found = _run(tmp_path, _pattern(0, 2, 3, 7), sampler=name, evaluated=evaluated)
    assert len(found.trials) == 8 and len(found.set_aside) == 4
    assert len({tuple(widths.values()) for widths in evaluated}) == len(evaluated) == 12
    assert _run(tmp_path, _pattern(*range(99)), sampler=name) == found  # nothing is evaluated


def test_they_count_for_nothing_and_are_told(tmp_path: Path) -> None:
    told: list[SetAside] = []
    counted: list[int] = []
    found = _run(
        tmp_path,
        _pattern(1, 4),
        on_set_aside=told.append,
        on_trial=lambda trial: counted.append(trial.number),
    )
    assert counted == list(range(8)) == [one.number for one in found.trials]
    assert [one.reason for one in told] == ["the device was lost at 2", "the device was lost at 5"]
    assert tuple(told) == found.set_aside
    assert read_trials(tmp_path) == list(found.trials)
    places = [isinstance(one, SetAside) for one in read_entries(tmp_path)]
    assert places == [place in (1, 4) for place in range(10)]


def test_optuna_sees_failed_trials(tmp_path: Path) -> None:
    found = _run(tmp_path, _pattern(1))
    storage = JournalStorage(JournalFileBackend(str(tmp_path / "journal.log")))
    (name,) = optuna.get_all_study_names(storage)
    (failed,) = optuna.load_study(study_name=name, storage=storage).get_trials(
        states=(TrialState.FAIL,)
    )
    assert failed.number == 1 and failed.params == found.set_aside[0].widths
    assert failed.user_attrs["set_aside"] == "the device was lost at 2"


def test_too_many_in_a_row_end_the_search_and_a_resume_begins_to_count_anew(
    tmp_path: Path,
) -> None:
    with pytest.raises(MeasurementError, match=r"3 candidates in a row .* lost at 6"):
        _run(tmp_path, _pattern(1, 3, 4, 5), set_aside_in_a_row=3)
    assert len(read_trials(tmp_path)) == 2
    found = _run(tmp_path, _pattern(0, 1), set_aside_in_a_row=3)
    assert len(found.trials) == 8 and len(found.set_aside) == 6
    keys = [tuple(one.widths.values()) for one in (*found.trials, *found.set_aside)]
    assert len(set(keys)) == 14


def test_where_all_there_is_was_set_aside_the_search_says_so(tmp_path: Path) -> None:
    tiny = SmallNet(channels=(2, 2), sensitivity=(1.0, 0.5), target=0.9)
    problem = tiny.problem()
    with pytest.raises(MeasurementError, match="no candidate could be measured; of the last one"):
        run_search(
            problem,
            make_sampler("random", problem, 0, 8, {}),
            _failing(itertools.repeat(True), []),
            accuracy_reward,
            trials=8,
            directory=tmp_path,
        )


@pytest.mark.parametrize("error", [TargetError("another machine"), KeyError("a mistake")])
def test_what_is_no_failed_measurement_ends_the_search(error: Exception, tmp_path: Path) -> None:
    def evaluate(widths: Widths) -> Outcome:
        raise error

    with pytest.raises(type(error)):
        _run(tmp_path, _pattern(), evaluate=evaluate)
    assert read_entries(tmp_path) == []

import json
import logging
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import optuna
import pytest
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend

from edgeprune.errors import RunError, SearchError
from edgeprune.search import (
    Outcome,
    SearchProblem,
    SearchResult,
    SearchTrial,
    Widths,
    make_sampler,
    read_trials,
    run_search,
)
from edgeprune.testing.samplers import SmallNet, accuracy_reward

NET = SmallNet()


def _run(directory: Path, trials: int, *, sampler: str = "amc", **changes: object) -> SearchResult:
    problem = changes.pop("problem", None) or NET.problem()
    assert isinstance(problem, SearchProblem)
    settings = {"evaluate": NET.evaluate, "reward": accuracy_reward, **changes}
    built = make_sampler(sampler, problem, 0, 14, {})
    return run_search(problem, built, trials=trials, directory=directory, **settings)  # type: ignore[arg-type]


def _not_again(widths: Widths) -> Outcome:
    pytest.fail(f"{widths} is evaluated again")


def _widths(result: SearchResult) -> list[Widths]:
    return [trial.widths for trial in result.trials]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> SearchResult:
    return _run(tmp_path_factory.mktemp("whole"), 14)


def test_trials_come_back_as_they_were(tmp_path: Path) -> None:
    result = _run(tmp_path, 4)
    assert read_trials(tmp_path) == list(result.trials)
    trial = result.trials[2]
    assert trial.number == 2
    assert trial.outcome == NET.evaluate(trial.widths)
    assert trial.reward == trial.outcome.accuracy
    assert set(trial.seconds) == {"propose", "accuracy", "latency"}


def test_a_longer_search_goes_on_from_a_shorter_one(tmp_path: Path, whole: SearchResult) -> None:
    _run(tmp_path, 8)
    assert _widths(_run(tmp_path, 14)) == _widths(whole)


def test_a_finished_search_evaluates_nothing(tmp_path: Path) -> None:
    first = _run(tmp_path, 6)
    seen: list[SearchTrial] = []
    again = _run(tmp_path, 6, evaluate=_not_again, on_trial=seen.append)
    assert again == first
    assert seen == list(first.trials)


def test_a_half_written_last_line_is_evaluated_again(tmp_path: Path, whole: SearchResult) -> None:
    _run(tmp_path, 8)
    journal = tmp_path / "journal.log"
    journal.write_bytes(journal.read_bytes()[:-20])
    assert len(read_trials(tmp_path)) == 7
    assert _widths(_run(tmp_path, 14)) == _widths(whole)
    assert len(read_trials(tmp_path)) == 14


def test_a_last_line_of_zeros_is_evaluated_again(tmp_path: Path, whole: SearchResult) -> None:
    _run(tmp_path, 8)
    journal = tmp_path / "journal.log"
    lines = journal.read_bytes().splitlines(keepends=True)
    journal.write_bytes(b"".join(lines[:-1]) + b"\0" * 100 + b"\n")
    assert _widths(_run(tmp_path, 14)) == _widths(whole)


@pytest.mark.parametrize("content", [None, b"", b"half a snapsh"])
def test_without_a_usable_snapshot_all_is_replayed(
    tmp_path: Path, whole: SearchResult, content: bytes | None
) -> None:
    _run(tmp_path, 8)
    snapshot = tmp_path / "sampler.pt"
    assert snapshot.exists()
    if content is None:
        snapshot.unlink()
    else:
        snapshot.write_bytes(content)
    assert _widths(_run(tmp_path, 14)) == _widths(whole)


def test_a_snapshot_ahead_of_the_journal_is_not_used(tmp_path: Path, whole: SearchResult) -> None:
    _run(tmp_path, 8)
    journal = tmp_path / "journal.log"
    lines = journal.read_bytes().splitlines(keepends=True)
    journal.write_bytes(b"".join(lines[:4]))  # The study and three trials.
    assert len(read_trials(tmp_path)) == 3
    assert _widths(_run(tmp_path, 14)) == _widths(whole)


def test_a_killed_writers_lock_is_not_waited_for(tmp_path: Path, whole: SearchResult) -> None:
    _run(tmp_path, 3)
    os.symlink(tmp_path / "journal.log", tmp_path / "journal.log.lock")
    assert _widths(_run(tmp_path, 14)) == _widths(whole)


def test_damage_inside_the_journal_is_told(tmp_path: Path) -> None:
    _run(tmp_path, 4)
    journal = tmp_path / "journal.log"
    lines = journal.read_bytes().splitlines(keepends=True)
    journal.write_bytes(b"".join([lines[0], b"{broken\n", *lines[2:]]))
    with pytest.raises(RunError, match=r"journal\.log is damaged"):
        _run(tmp_path, 6)
    with pytest.raises(RunError, match=r"journal\.log is damaged"):
        read_trials(tmp_path)


_SCRIPT = """
import os, signal, sys
from pathlib import Path
from edgeprune.search import make_sampler, run_search
from edgeprune.testing.samplers import SmallNet, accuracy_reward

net, directory, left = SmallNet(), Path(sys.argv[1]), int(sys.argv[2])
problem = net.problem()

def evaluate(widths):
    global left
    left -= 1
    if left < 0:
        os.kill(os.getpid(), signal.SIGKILL)
    return net.evaluate(widths)

run_search(problem, make_sampler("amc", problem, 0, 14, {}), evaluate, accuracy_reward,
           trials=14, directory=directory)
"""


def test_sigkill_loses_and_repeats_nothing(tmp_path: Path, whole: SearchResult) -> None:
    command = [sys.executable, "-c", _SCRIPT, str(tmp_path), "9"]
    assert subprocess.run(command).returncode == -signal.SIGKILL
    assert _widths(SearchResult(tuple(read_trials(tmp_path)), 0.5)) == _widths(whole)[:9]
    assert _widths(_run(tmp_path, 14)) == _widths(whole)


def test_other_proposals_than_recorded_do_not_stop_a_resume(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    _run(tmp_path, 6)
    (tmp_path / "sampler.pt").unlink()
    journal = tmp_path / "journal.log"
    lines = journal.read_text().splitlines()
    record = json.loads(lines[4])
    record["params"]["layer0"] = 3
    lines[4] = json.dumps(record)
    journal.write_text("\n".join(lines) + "\n")
    with caplog.at_level(logging.WARNING):
        result = _run(tmp_path, 9)
    assert "trial 3 is proposed differently" in caplog.text
    assert len(result.trials) == 9
    assert result.trials[3].widths["layer0"] == 3
    assert [trial.number for trial in read_trials(tmp_path)] == list(range(9))


def test_another_problems_directory_is_refused(tmp_path: Path) -> None:
    _run(tmp_path, 3)
    other = SmallNet(channels=(16, 16, 32), sensitivity=(1.0, 0.5, 0.2)).problem()
    with pytest.raises(RunError, match="another search"):
        _run(tmp_path, 6, problem=other, sampler="random")


def test_optuna_opens_the_journal(tmp_path: Path) -> None:
    result = _run(tmp_path, 3)
    storage = JournalStorage(JournalFileBackend(str(tmp_path / "journal.log")))
    (name,) = optuna.get_all_study_names(storage)
    study = optuna.load_study(study_name=name, storage=storage)
    assert [trial.params for trial in study.trials] == _widths(result)
    assert study.best_value == max(trial.reward for trial in result.trials)
    assert study.trials[0].user_attrs["latency_ratio"] == result.trials[0].outcome.latency_ratio


def test_reading_writes_nothing(tmp_path: Path) -> None:
    assert read_trials(tmp_path) == []
    assert not list(tmp_path.iterdir())
    _run(tmp_path, 2)
    journal = tmp_path / "journal.log"
    half = journal.read_bytes()[:-5]
    journal.write_bytes(half)
    assert len(read_trials(tmp_path)) == 1
    assert journal.read_bytes() == half


def test_outcomes_reach_the_cost_once_each_and_in_order(tmp_path: Path) -> None:
    told: list[Widths] = []
    problem = replace(NET.problem(), observe=lambda widths, outcome: told.append(widths))
    first = _run(tmp_path, 7, problem=problem)
    assert told == _widths(first)
    told.clear()
    longer = _run(tmp_path, 9, problem=problem)
    assert told == _widths(longer)


def test_journal_comes_before_the_next_evaluation(tmp_path: Path) -> None:
    def evaluate(widths: Widths) -> Outcome:
        counts.append(len(read_trials(tmp_path)))
        return NET.evaluate(widths)

    counts: list[int] = []
    _run(tmp_path, 5, evaluate=evaluate)
    assert counts == [0, 1, 2, 3, 4]


def _trial(number: int, ratio: float, reward: float) -> SearchTrial:
    outcome = Outcome(reward, 1.0, ratio, 1, 1, 1)
    return SearchTrial(number, {"a": number}, outcome, reward)


def test_best_is_the_highest_reward_measured_inside_the_budget() -> None:
    trials = (_trial(0, 0.45, 0.7), _trial(1, 0.51, 0.9), _trial(2, 0.5, 0.8))
    assert SearchResult(trials, 0.5).best.number == 2


def test_best_is_the_nearest_miss_where_nothing_is_inside() -> None:
    trials = (_trial(0, 0.8, 0.9), _trial(1, 0.6, 0.3))
    assert SearchResult(trials, 0.5).best.number == 1


def test_a_search_ends_when_everything_was_evaluated(tmp_path: Path) -> None:
    tiny = SmallNet(channels=(2, 2), sensitivity=(1.0, 0.5), target=0.9)
    result = _run(tmp_path, 14, problem=tiny.problem(), evaluate=tiny.evaluate)
    assert len(result.trials) == 4
    again = _run(tmp_path, 14, problem=tiny.problem(), evaluate=_not_again)
    assert again == result


def test_enqueued_widths_that_are_not_allowed(tmp_path: Path) -> None:
    with pytest.raises(SearchError, match="'layer3' cannot have 99 channels; nearest is 32"):
        _run(tmp_path, 3, enqueue=[{**NET.problem().full, "layer3": 99}])


def test_enqueued_widths_count_once(tmp_path: Path) -> None:
    small = NET.problem().smallest
    result = _run(tmp_path, 3, enqueue=[small, dict(small)])
    assert _widths(result).count(small) == 1


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_reward_that_is_no_number_is_refused(tmp_path: Path, value: float) -> None:
    with pytest.raises(SearchError, match="no finite number"):
        _run(tmp_path, 3, reward=lambda outcome: value)
    assert read_trials(tmp_path) == []


def test_no_trials_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SearchError, match="at least one trial, got 0"):
        _run(tmp_path, 0)

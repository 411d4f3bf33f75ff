import shutil
import sqlite3
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from edgeprune.history import History, HistoryError, RunRecord, RunSpace, TrialRecord
from tests.history.example import FACTS, KEY, RUN, SPACE, remember, trial

HERE = Path(__file__).parent


@pytest.fixture
def url(tmp_path: Path) -> str:
    return str(tmp_path / "history.db")


def test_a_run_and_its_trials_are_there_when_opened_again(url: str) -> None:
    with History.open(url) as history:
        remember(history, trials=3)
    with History.open(url) as history:
        (line,) = history.runs.lines()
        assert line.run == RUN and line.trials == 3
        assert history.runs.lines("other") == []
        assert history.runs.trials(RUN.id) == [trial(number) for number in range(3)]


def test_what_is_recorded_twice_is_kept_once_as_it_was(url: str) -> None:
    with History.open(url) as history:
        remember(history, trials=2)
        remember(history, trials=2)
        history.runs.add(SPACE, replace(trial(0), reward=0.9))
        assert [one.reward for one in history.runs.trials(RUN.id)] == [0.5, 0.51]


def test_a_measurement_is_found_by_target_and_graph_alone(url: str) -> None:
    wider = RunSpace(("c", "a", "b"), (4, 8, 16), ("x",), ((1.0,), (1.0,), (2.0,)), SPACE.graph)
    with History.open(url) as history:
        remember(history, trials=2)
        same = wider.candidate({"a": 2, "b": 8, "c": 4})
        found = history.runs.measured(KEY, same)
        assert found is not None and found["latency_ms"] == trial(1).outcome["latency_ms"]
        assert history.runs.measured("other target", same) is None
        assert history.runs.measured(KEY, replace(wider, graph="g2").candidate({"a": 2})) is None


def test_processes_write_trials_at_once_without_loss(url: str) -> None:
    with History.open(url) as history:
        remember(history, trials=0)
    count, writers = 40, 3
    processes = [
        subprocess.Popen(
            [sys.executable, str(HERE / "trial_writer.py"), url, str(first * count), str(count)],
            stderr=subprocess.PIPE,
            text=True,
        )
        for first in range(writers)
    ]
    for process in processes:
        _, errors = process.communicate(timeout=120)
        assert process.returncode == 0, errors
    with History.open(url) as history:
        numbers = [one.number for one in history.runs.trials(RUN.id)]
    assert numbers == list(range(writers * count))


def test_a_version_1_database_opens_and_keeps_what_it_has(tmp_path: Path) -> None:
    path = tmp_path / "old.db"
    shutil.copy(HERE / "version_1.db", path)
    with History.open(str(path)) as history:
        (key,) = history.targets()
        (kernel,) = history.kernels(key)
        assert kernel.median_ms == 1.5
        assert kernel.measured_at == datetime(2026, 11, 21, tzinfo=UTC)
        assert history.multiples(key)["conv"].multiple == 8
        remember(history, trials=1)
        assert len(history.runs.trials(RUN.id)) == 1
    assert _tables(path) == _fresh_tables(tmp_path / "new.db")


def test_a_version_2_database_opens_and_its_trials_are_its_own(tmp_path: Path) -> None:
    path = tmp_path / "old.db"
    shutil.copy(HERE / "version_2.db", path)
    with History.open(str(path)) as history:
        first, second = history.runs.summaries()
        assert (first.id, first.trials, first.imported, first.best_reward) == (RUN.id, 3, 0, 0.52)
        assert (second.trials, second.best_reward) == (0, None)
        assert history.runs.lines()[0].run == RUN
        assert history.runs.trials(RUN.id) == [trial(number) for number in range(3)]
        assert [one.latency_ratio for one in history.runs.glances(RUN.id, 9)] == [0.4] * 3
        assert history.runs.measured(KEY, SPACE.candidate(trial(1).widths)) == trial(1).outcome
        history.runs.add(SPACE, replace(trial(3), run=second.id))
        useful = {"graph": SPACE.graph, "budget": 0.5, "retrained": True, "most": 4}
        assert history.runs.useful(KEY, reward="accuracy", **useful) == [second.id]
    assert _tables(path) == _fresh_tables(tmp_path / "new.db")


def test_a_failed_migration_leaves_the_old_database(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from edgeprune.history import migrations

    def half(operations: object) -> None:
        migrations._to_2(operations)  # type: ignore[arg-type]
        msg = "the disk is full"
        raise HistoryError(msg)

    path = tmp_path / "old.db"
    shutil.copy(HERE / "version_1.db", path)
    before = _tables(path)
    monkeypatch.setitem(migrations._STEPS, 2, half)
    with pytest.raises(HistoryError, match="disk is full"):
        History.open(str(path))
    assert _tables(path) == before


def test_forgotten_runs_are_gone_with_their_trials(url: str) -> None:
    with History.open(url) as history:
        remember(history, trials=2)
        assert history.runs.remove([RUN.id, "unknown"]) == 1
        assert history.runs.lines() == [] and history.runs.trials(RUN.id) == []
        assert history.targets() == {KEY: FACTS}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"reward": float("nan")}, "no number"),
        ({"outcome": {**trial(0).outcome, "latency_ms": 0.0}}, "no latency"),
        ({"outcome": {**trial(0).outcome, "accuracy": None}}, "no number"),
        ({"raw_actions": (0.5,)}, "one action for each group"),
    ],
)
def test_a_broken_trial_is_refused(change: dict[str, object], message: str) -> None:
    with pytest.raises(HistoryError, match=message):
        replace(trial(0), **change)  # type: ignore[arg-type]


def test_foreign_widths_and_unknown_targets_are_refused(url: str) -> None:
    with History.open(url) as history:
        remember(history, trials=0)
        with pytest.raises(HistoryError, match="none of its run's"):
            history.runs.add(SPACE, replace(trial(0), widths={"a": 99, "b": 1}))
        with pytest.raises(HistoryError, match="no target"):
            history.runs.start(replace(RUN, target="nobody"))


def test_a_space_whose_sizes_differ_is_refused() -> None:
    with pytest.raises(HistoryError, match="do not match"):
        RunSpace(("a",), (1, 2), ("x",), ((1.0,),), "g")
    with pytest.raises(HistoryError, match="other lengths"):
        RunSpace(("a",), (1,), ("x",), ((1.0, 2.0),), "g")
    with pytest.raises(HistoryError, match="budget"):
        RunRecord("r", KEY, {}, {"budget": 0}, SPACE)
    assert TrialRecord("r", 0, {"a": 1}, 0.5, trial(0).outcome).raw_actions is None


def _tables(path: Path) -> set[tuple[str, str, str]]:
    """Columns and indices of a database, as it tells them."""
    database = sqlite3.connect(path)
    found = set()
    names = database.execute("SELECT type, name, tbl_name FROM sqlite_master").fetchall()
    for kind, name, table in names:
        if not name.startswith("sqlite_"):
            found.add((kind, name, table))
        if kind == "table":
            columns = database.execute(f"PRAGMA table_info({name})").fetchall()
            found |= {(name, str(column[1]), str(column[2:])) for column in columns}
            keys = database.execute(f"PRAGMA foreign_key_list({name})").fetchall()
            found |= {(name, "foreign key", str(key[2:])) for key in keys}
    database.close()
    return found


def _fresh_tables(path: Path) -> set[tuple[str, str, str]]:
    History.open(str(path)).close()
    return _tables(path)

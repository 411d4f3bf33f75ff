"""A history that is locked or damaged never ends a run: it goes on, and writes later."""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

import edgeprune as ep
from edgeprune.config import load_pipeline
from edgeprune.history import History, HistoryError
from edgeprune.pipeline import run_history
from edgeprune.pipeline.consent import remember as remember_run
from edgeprune.pipeline.missed import keep_missed, write_missed
from edgeprune.pipeline.past import Past
from edgeprune.pipeline.progress import Reporter
from edgeprune.pipeline.run_directory import RunDirectory
from edgeprune.pipeline.run_history import RunHistory
from edgeprune.search import Outcome, SearchTrial, read_trials
from tests.history.example import FACTS, KEY, RUN, remember, trial

QUICK = (
    "search.trials=4",
    "finetune.epochs=0",
    "workload.train.epochs=1",
    "recover.images=64",
    "export.formats=[onnx]",
)


@pytest.fixture
def url(tmp_path: Path) -> str:
    path = str(tmp_path / "history.db")
    History.open(path).close()
    return path


@pytest.fixture(autouse=True)
def _hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_history, "_PATIENCE_S", 0.05)
    monkeypatch.setattr(run_history, "_LESS_PATIENCE_S", 0.05)


@contextmanager
def locked(url: str) -> Iterator[None]:
    """Another process that writes, and does not end."""
    with closing(sqlite3.connect(url, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield


class Minutes:
    """A clock that only a test moves."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def _searched(number: int) -> SearchTrial:
    one = trial(number)
    return SearchTrial(number, dict(one.widths), Outcome.from_json(dict(one.outcome)), one.reward)


def _numbers(url: str) -> list[int]:
    with History.open(url) as history:
        return [one.number for one in history.runs.trials(RUN.id)]


def test_a_run_whose_history_is_locked_ends_well_and_a_resume_writes_it(
    tiny_pipeline: Path, tmp_path: Path, url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    directory = tmp_path / "run"
    with locked(url):
        changes = (*QUICK, f"history={url}")
        result = ep.run(tiny_pipeline, run_dir=directory, overrides=changes)
        assert result.directory == directory
        told = " ".join(capsys.readouterr().err.split())
        assert told.count("cannot be used: database is locked") == 1
        assert "The run goes on; what it measures is written later" in told
    missed = sorted(path.name for path in directory.glob("history-missed-*"))
    assert missed == [
        "history-missed-kernels.jsonl",
        "history-missed-random.jsonl",
        "history-missed-search.jsonl",
    ]
    with History.open(url) as history:
        assert history.targets() == {}
    ep.resume(directory, progress=False)
    assert not list(directory.glob("history-missed-*"))
    with History.open(url) as history:
        (key,) = history.targets()
        assert history.kernels(key)
        found = {one.facts["search"]: one for one in history.runs.summaries()}
        assert [found[name].trials for name in ("search", "random")] == [4, 4]
        assert not found["search"].imported
        trials = history.runs.trials(found["search"].id)
    assert [one.widths for one in trials] == [
        one.widths for one in read_trials(directory / "search")
    ]


def test_a_lock_that_goes_is_found_out_and_nothing_is_missing(url: str) -> None:
    said: list[str] = []
    clock = Minutes()
    with RunHistory(url, said.append, clock) as history:
        past = Past((), history, RUN, _facts=FACTS)
        with locked(url):
            past.keep(_searched(0), None)
            clock.now += 61
            past.keep(_searched(1), None)
            assert len(past.waiting) == 2
        past.keep(_searched(2), (0.1, 0.5))
        assert len(past.waiting) == 3  # it was away a moment ago: no trial waits for it
        clock.now += 61
        past.keep(_searched(3), None)
        assert past.waiting == [] and len(said) == 1
    assert _numbers(url) == [0, 1, 2, 3]


def test_a_resume_writes_what_is_missing_and_nothing_else(url: str) -> None:
    with History.open(url) as history:
        remember(history, trials=2)
    with RunHistory(url, pytest.fail) as history_of_run:
        past = Past((), history_of_run, RUN, _facts=FACTS)
        assert past.write()
        for number in range(4):
            past.keep(_searched(number), None)
        assert {one.number for one in past.waiting} <= {2, 3}
        assert past.write(anyhow=True)
    assert _numbers(url) == [0, 1, 2, 3]


def test_what_a_directory_from_elsewhere_brings_is_no_measurement(url: str) -> None:
    with RunHistory(url, pytest.fail) as history:
        past = Past((), history, RUN, _facts=FACTS, _ours=False)
        past.keep(_searched(0), None, here=False)
        past.keep(_searched(1), None, here=True)
        assert past.write(anyhow=True)
    assert _numbers(url) == [1]


def test_what_is_wrong_from_the_beginning_is_an_error_and_later_no_more(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("no database " * 100)
    said: list[str] = []
    with RunHistory(str(path), said.append) as history, pytest.raises(HistoryError):
        history.ask(History.targets, {})
    path.unlink()
    with RunHistory(str(path), said.append) as history:
        assert history.ask(History.targets, {"none": {}}) == {}
        history.close()
        path.write_text("no database " * 100)
        assert history.ask(History.targets, {"none": {}}) == {"none": {}}
    assert len(said) == 1 and "not a database" in said[0]


def test_a_damaged_file_of_what_was_missed_is_told_and_left(
    tmp_path: Path, tiny_pipeline: Path, url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    directory = RunDirectory(tmp_path / "run")
    directory.create(tiny_pipeline.read_text() + "# a run of another\n")
    past = Past((), None, RUN, _facts=FACTS)
    past.keep(_searched(0), None)
    missed: Any = past.missed()
    path = keep_missed(directory, "search", [missed])
    whole = path.read_text()
    path.write_text(whole[:-20])
    with RunHistory(url, pytest.fail) as history, Reporter(directory.path / "log.txt") as reporter:
        write_missed(directory, history, reporter)
        assert "the run was not made here" in " ".join(capsys.readouterr().err.split())
        remember_run(directory)
        write_missed(directory, history, reporter)
        assert "line 4 is no record" in " ".join(capsys.readouterr().err.split())
        assert path.exists()
        path.write_text(whole)
        write_missed(directory, history, reporter)
    assert not path.exists() and _numbers(url) == [0]
    with History.open(url) as kept:
        assert kept.runs.measured(KEY, RUN.space.candidate(trial(0).widths)) is not None


def test_no_history_is_wanted(tiny_pipeline: Path) -> None:
    assert RunHistory.of(load_pipeline(tiny_pipeline), print) is None
    named = RunHistory.of(load_pipeline(tiny_pipeline, ["history=lab.db"]), print)
    assert isinstance(named, RunHistory)


def test_the_missed_file_is_private(tmp_path: Path, tiny_pipeline: Path) -> None:
    directory = RunDirectory(tmp_path / "run")
    directory.create(tiny_pipeline.read_text())
    path = keep_missed(directory, "search", [])
    assert path.stat().st_mode & 0o777 == 0o600
    assert json.loads(path.read_text())["format"] == "edgeprune history"

"""Histories as files: what is written comes back, and what is broken does not come in."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from edgeprune.history import History, HistoryError, KernelLatency, Staircase
from edgeprune.history.exchange import export_lines, import_lines
from tests.history.example import KEY, MOMENT, RUN, remember


@pytest.fixture
def history(tmp_path: Path) -> Iterator[History]:
    with History.open(str(tmp_path / "one.db")) as kept:
        remember(kept, trials=2)
        kept.record_kernels(KEY, [KernelLatency({"kind": "conv"}, 1.5, (1.0, 2.0), 30, MOMENT)])
        kept.record_multiples(KEY, {"conv": Staircase(8, 0.25, MOMENT)})
        yield kept


@pytest.fixture
def other(tmp_path: Path) -> Iterator[History]:
    with History.open(str(tmp_path / "other.db")) as kept:
        yield kept


def test_what_is_exported_is_imported_and_a_second_time_changes_nothing(
    history: History, other: History
) -> None:
    lines = list(export_lines(history))
    for _ in range(2):
        counts = import_lines(other, lines, "file")
        assert list(export_lines(other)) == lines
    assert counts == {"targets": 1, "kernels": 1, "staircases": 1, "runs": 1, "trials": 2}


def test_an_import_adds_to_what_is_there_and_replaces_nothing(
    history: History, other: History
) -> None:
    remember(other, trials=3)
    import_lines(history, export_lines(other), "file")
    assert [one.number for one in history.runs.trials(RUN.id)] == [0, 1, 2]
    assert len(history.kernels(KEY)) == 1


def test_of_one_target_alone_only_its_records_are_exported(history: History) -> None:
    history.target("another", {"cpu": "other"})
    assert not any("another" in line for line in export_lines(history, KEY))
    with pytest.raises(HistoryError, match="no target 'nobody'"):
        list(export_lines(history, "nobody"))


#: Which line is changed (1 target, 2 kernel, 3 staircase, 4 run, 5 trial), where, and to what.
BROKEN: list[tuple[int, str, Any, str]] = [
    (1, "facts", {"cpu": "another"}, "does not have the key of its facts"),
    (2, "target", "nobody", "does not come before it"),
    (2, "record.median_ms", -1, "no latency"),
    (2, "record.samples", 2**70, "too large a number"),
    (3, "record.multiple", 0, "no staircase"),
    (3, "layer", "\ud800", "surrogates not allowed"),
    (4, "record.facts.budget", 0, "no positive ratio"),
    (4, "record.facts.sampler", None, "no sampler's name"),
    (4, "record.space.full", [8], "do not match"),
    (5, "record.run", "f" * 32, "does not come before it"),
    (5, "record.widths", {"a": 99, "b": 1}, "none of its run's"),
    (5, "record.reward", "much", "reward"),
    (5, "record.outcome.latency_ms", 0, "no latency"),
    (5, "record.raw_actions", [0.5], "one action for each group"),
    (5, "kind", "secret", "unknown kind of record"),
]


@pytest.mark.parametrize(("line", "where", "value", "said"), BROKEN)
def test_a_broken_record_is_named_and_nothing_is_imported(
    line: int, where: str, value: Any, said: str, history: History, other: History
) -> None:
    lines = list(export_lines(history))
    record = json.loads(lines[line])
    *path, last = where.split(".")
    place = record
    for name in path:
        place = place[name]
    place[last] = value
    lines[line] = json.dumps(record)
    with pytest.raises(HistoryError, match=f"file, line {line + 1}.*{said}.*nothing was imported"):
        import_lines(other, lines, "file")
    assert other.targets() == {} and other.runs.lines() == []


@pytest.mark.parametrize("number", ["NaN", "-Infinity", "1e999"])
def test_what_is_no_number_is_refused(number: str, history: History, other: History) -> None:
    lines = [
        line.replace('"reward": 0.5,', f'"reward": {number},') for line in export_lines(history)
    ]
    with pytest.raises(HistoryError, match=f"line 6.*{number} is no number"):
        import_lines(other, lines, "file")
    assert other.runs.lines() == []


@pytest.mark.parametrize("text", ["", "{}", "[1]", "7", "[" * 100_000, '{"format": "another"}'])
def test_a_file_that_is_no_history_is_refused(text: str, other: History) -> None:
    with pytest.raises(HistoryError, match="line 1"):
        import_lines(other, [text], "file")


def test_a_newer_format_is_refused(other: History) -> None:
    with pytest.raises(HistoryError, match="version 2 of the format; allowed: 1"):
        import_lines(other, ['{"format": "edgeprune history", "version": 2}'], "file")


def test_another_run_of_the_same_id_is_refused(history: History, other: History) -> None:
    lines = [line.replace("graph 1", "graph 2") for line in export_lines(history)]
    remember(other, trials=1)
    with pytest.raises(HistoryError, match="is another one here"):
        import_lines(other, lines, "file")
    assert len(other.runs.trials(RUN.id)) == 1

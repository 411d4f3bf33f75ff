"""Large histories: what a run asks is answered from an index, and files go through in pieces."""

import json
import tracemalloc
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event

from edgeprune.history import History
from edgeprune.history.exchange import export_lines, import_lines
from tests.history.example import KEY, RUN, SPACE, remember, trial

#: Of one trial, bytes; and how many of them.
WEIGHT, TRIALS = 20_000, 600


def _heavy(number: int, run: str = RUN.id) -> Any:
    outcome = {**trial(number).outcome, "details": {"text": "x" * WEIGHT}}
    return replace(trial(number), run=run, outcome=outcome)


@pytest.fixture(scope="module")
def heavy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[History]:
    with History.open(str(tmp_path_factory.mktemp("heavy") / "history.db")) as history:
        remember(history, trials=0)
        for start in range(0, TRIALS, 100):
            history.runs.extend(SPACE, [_heavy(number) for number in range(start, start + 100)])
        yield history


def _peak(work: Callable[[], object]) -> int:
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_a_file_is_written_and_read_in_pieces(heavy: History, tmp_path: Path) -> None:
    path = tmp_path / "file.jsonl"

    def export() -> None:
        with path.open("w") as file:
            file.writelines(f"{line}\n" for line in export_lines(heavy))

    def take() -> None:
        with History.open(str(tmp_path / "copy.db")) as copy, path.open() as file:
            assert import_lines(copy, file, "file")["trials"] == TRIALS
            assert copy.runs.summaries()[0].trials == TRIALS

    whole = TRIALS * WEIGHT
    assert _peak(export) < whole / 2 and path.stat().st_size > whole
    assert _peak(take) < whole / 2


def test_an_import_that_breaks_off_at_its_end_leaves_nothing(
    heavy: History, tmp_path: Path
) -> None:
    def interrupted() -> Iterator[str]:
        yield from export_lines(heavy)
        raise KeyboardInterrupt

    with History.open(str(tmp_path / "copy.db")) as copy:
        with pytest.raises(KeyboardInterrupt):
            import_lines(copy, interrupted(), "file")
        assert copy.targets() == {} and copy.runs.ids() == []


def test_lists_and_sources_read_no_outcome(heavy: History) -> None:
    def look() -> None:
        (summary,) = heavy.runs.summaries()
        assert summary.trials == TRIALS
        assert len(heavy.runs.glances(RUN.id, 100)) == 100
        assert len(heavy.runs.numbers(RUN.id)) == TRIALS

    assert _peak(look) < TRIALS * WEIGHT / 10


@pytest.fixture
def plans(heavy: History) -> Iterator[list[str]]:
    """How SQLite says that it finds what is asked for."""
    found: list[str] = []

    def explain(connection: Any, cursor: Any, statement: str, values: Any, *_: Any) -> None:
        if statement.startswith("SELECT"):
            asked = connection.connection.cursor()
            asked.execute(f"EXPLAIN QUERY PLAN {statement}", values)
            found.extend(row[3] for row in asked.fetchall())

    event.listen(heavy._engine, "before_cursor_execute", explain)
    yield found
    event.remove(heavy._engine, "before_cursor_execute", explain)


def test_what_a_run_asks_scans_no_table_of_trials(heavy: History, plans: list[str]) -> None:
    heavy.runs.measured(KEY, SPACE.candidate(trial(0).widths))
    assert any("ix_trials_measured" in step and "COVERING" in step for step in plans), plans
    assert not any("TEMP B-TREE" in step for step in plans), plans
    heavy.runs.useful(KEY, graph="g", reward="r", budget=0.5, retrained=False, most=4)
    heavy.runs.glances(RUN.id, 100)
    heavy.runs.numbers(RUN.id)
    heavy.runs.line(RUN.id)
    heavy.kernels(KEY), heavy.multiples(KEY)
    assert not any("SCAN trials" in step or "SCAN runs" in step for step in plans), plans


def test_an_exported_file_is_the_same_after_a_round_trip(heavy: History, tmp_path: Path) -> None:
    lines = list(export_lines(heavy))
    with History.open(str(tmp_path / "copy.db")) as copy:
        import_lines(copy, lines, "file")
        assert list(export_lines(copy)) == lines
    assert json.loads(lines[-1])["record"]["number"] == TRIALS - 1

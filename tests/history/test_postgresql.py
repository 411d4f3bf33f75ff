"""The same store in PostgreSQL: a real server, several processes."""

import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import make_url

from edgeprune.history import History, HistoryError, KernelLatency, Staircase
from edgeprune.history.exchange import export_lines, import_lines
from edgeprune.testing.postgresql import NEEDS_POSTGRESQL
from tests.history.example import KEY, MOMENT, RUN, SPACE, remember, trial

pytestmark = NEEDS_POSTGRESQL
HERE = Path(__file__).parent


def test_what_goes_in_comes_out_and_into_a_file(postgresql_url: str, tmp_path: Path) -> None:
    with History.open(postgresql_url) as history, History.open(str(tmp_path / "copy.db")) as copy:
        remember(history, trials=3)
        remember(history, trials=3)
        history.record_kernels(KEY, [KernelLatency({"in": 8}, 1.5, (1.0, 2.0), 30, MOMENT)])
        history.record_multiples(KEY, {"conv": Staircase(8, 0.25, MOMENT)})
        assert history.runs.trials(RUN.id) == [trial(number) for number in range(3)]
        assert [line.run for line in history.runs.lines()] == [RUN]
        assert history.runs.measured(KEY, SPACE.candidate(trial(1).widths)) == trial(1).outcome
        lines = list(export_lines(history))
        import_lines(copy, lines, "file")
        assert list(export_lines(copy)) == lines
        assert history.runs.remove([RUN.id]) == 1 and history.runs.trials(RUN.id) == []


def test_processes_make_and_write_one_history_at_once(postgresql_url: str) -> None:
    writer, count, writers = str(HERE / "writer.py"), 30, 3
    processes = [
        subprocess.Popen([sys.executable, writer, postgresql_url, str(first * count), str(count)])
        for first in range(writers)
    ]
    assert [process.wait(timeout=120) for process in processes] == [0] * writers
    with History.open(postgresql_url) as history:
        assert len(history.kernels("shared")) == writers * count


def test_what_the_database_refuses_is_an_error_with_a_name(postgresql_url: str) -> None:
    with History.open(postgresql_url) as history:
        history.target(KEY, {})
        with pytest.raises(HistoryError, match="cannot be used: integer out of range"):
            history.record_kernels(KEY, [KernelLatency({}, 1.0, (1.0, 1.0), 2**40)])
    with pytest.raises(HistoryError, match=r"database .* does not exist"):
        History.open(_another(postgresql_url))


def _another(url: str) -> str:
    found = make_url(url)
    return found.set(database=f"{found.database}_another").render_as_string(hide_password=False)


def test_imports_are_marked_and_runs_are_chosen_as_in_a_file(
    postgresql_url: str, tmp_path: Path
) -> None:
    with History.open(str(tmp_path / "theirs.db")) as theirs:
        remember(theirs, trials=3)
        lines = [line.replace('"seed": 0', '"reward": "x"') for line in export_lines(theirs)]
    with History.open(postgresql_url) as history:
        for _ in range(2):
            import_lines(history, lines, "file")
        (summary,) = history.runs.summaries(KEY, begins=RUN.id[:4], before=datetime.now(UTC))
        assert (summary.trials, summary.imported, summary.best_reward) == (3, 3, 0.52)
        candidate = SPACE.candidate(trial(0).widths)
        assert history.runs.measured(KEY, candidate) is None
        history.runs.extend(SPACE, [trial(0), trial(3)])
        assert history.runs.measured(KEY, candidate) is not None
        (summary,) = history.runs.summaries()
        assert (summary.trials, summary.imported) == (4, 2)
        asked = {"graph": "g", "reward": "x", "budget": 0.4, "retrained": False, "most": 4}
        assert history.runs.useful(KEY, **asked) == [RUN.id]
        assert len(history.runs.glances(RUN.id, 2)) == 2
        assert history.runs.numbers(RUN.id) == {0, 3}

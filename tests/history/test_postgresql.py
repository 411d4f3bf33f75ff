"""The same store in PostgreSQL, where a server is: EDGEPRUNE_TEST_POSTGRESQL=postgresql+psycopg://…

The user of that URL must be allowed to make databases; the tests make one and drop it.
"""

import os
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import create_engine, make_url, text

from edgeprune.history import History, HistoryError, KernelLatency, Staircase
from edgeprune.history.exchange import export_lines, import_lines
from tests.history.example import KEY, MOMENT, RUN, SPACE, remember, trial

SERVER = os.environ.get("EDGEPRUNE_TEST_POSTGRESQL")
pytestmark = pytest.mark.skipif(not SERVER, reason="EDGEPRUNE_TEST_POSTGRESQL names no server")
HERE = Path(__file__).parent


@pytest.fixture
def url() -> Iterator[str]:
    name = f"edgeprune_test_{uuid.uuid4().hex}"
    server = create_engine(str(SERVER), isolation_level="AUTOCOMMIT")
    with server.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    yield make_url(str(SERVER)).set(database=name).render_as_string(hide_password=False)
    with server.connect() as connection:
        connection.execute(text(f"DROP DATABASE {name}"))
    server.dispose()


def test_what_goes_in_comes_out_and_into_a_file(url: str, tmp_path: Path) -> None:
    with History.open(url) as history, History.open(str(tmp_path / "copy.db")) as copy:
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


def test_processes_make_and_write_one_history_at_once(url: str) -> None:
    writer, count, writers = str(HERE / "writer.py"), 30, 3
    processes = [
        subprocess.Popen([sys.executable, writer, url, str(first * count), str(count)])
        for first in range(writers)
    ]
    assert [process.wait(timeout=120) for process in processes] == [0] * writers
    with History.open(url) as history:
        assert len(history.kernels("shared")) == writers * count


def test_what_the_database_refuses_is_an_error_with_a_name(url: str) -> None:
    with History.open(url) as history:
        history.target(KEY, {})
        with pytest.raises(HistoryError, match="cannot be used: integer out of range"):
            history.record_kernels(KEY, [KernelLatency({}, 1.0, (1.0, 1.0), 2**40)])
    with pytest.raises(HistoryError, match=r"database .* does not exist"):
        History.open(f"{url}_another")

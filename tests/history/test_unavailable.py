"""A history that is locked, full, damaged or on a network: told by name, read where it can be."""

import resource
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from edgeprune.history import History, HistoryError, HistoryUnavailableError, database
from edgeprune.history.file_systems import network_file_system
from tests.history.example import KEY, RUN, SPACE, remember, trial


@pytest.fixture
def url(tmp_path: Path) -> str:
    path = str(tmp_path / "history.db")
    with History.open(path) as history:
        remember(history, trials=2)
    return path


@contextmanager
def locked(path: str) -> Iterator[None]:
    """Another process that writes, and does not end."""
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield


def test_a_locked_history_opens_and_is_read_but_not_written(url: str) -> None:
    with locked(url), History.open(url, patience_s=0.05) as history:
        assert len(history.runs.trials(RUN.id)) == 2
        assert history.runs.measured(KEY, SPACE.candidate(trial(0).widths)) is not None
        with pytest.raises(HistoryUnavailableError, match="locked; another process is writing"):
            history.runs.add(SPACE, trial(2))
    with History.open(url) as history:
        history.runs.add(SPACE, trial(2))
        assert len(history.runs.trials(RUN.id)) == 3


def test_a_full_disk_is_named_and_harms_nothing(url: str) -> None:
    size, limits = Path(url).stat().st_size, resource.getrlimit(resource.RLIMIT_FSIZE)
    large = [trial(number) for number in range(2, 400)]
    with History.open(url) as history:
        resource.setrlimit(resource.RLIMIT_FSIZE, (2 * size, limits[1]))
        try:
            with pytest.raises(HistoryUnavailableError, match=r"history\.db cannot be used"):
                history.runs.extend(SPACE, large)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        assert len(history.runs.trials(RUN.id)) == 2
        history.runs.extend(SPACE, large)
        assert history.runs.line(RUN.id).trials == 400  # type: ignore[union-attr]


@pytest.mark.parametrize("place", [100, 5000, 20_000])
def test_a_damaged_database_is_an_error_with_a_name(url: str, place: int) -> None:
    with closing(sqlite3.connect(url)) as database:
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    content = bytearray(Path(url).read_bytes())
    content[place:] = b"\xff" * (len(content) - place)
    Path(url).write_bytes(content)
    with pytest.raises(HistoryError, match=r"history\.db"), History.open(url) as history:
        history.runs.trials(RUN.id), history.runs.summaries(), history.targets()


def test_a_column_that_is_no_json_is_an_error_with_a_name(url: str) -> None:
    with closing(sqlite3.connect(url)) as database, database:
        database.execute("UPDATE trials SET outcome = '{half'")
    with (
        History.open(url) as history,
        pytest.raises(HistoryUnavailableError, match="holds what is no record"),
    ):
        history.runs.trials(RUN.id)


def test_a_server_that_is_not_there_is_unavailable() -> None:
    pytest.importorskip("psycopg")
    with pytest.raises(HistoryUnavailableError):
        History.open("postgresql+psycopg://me@127.0.0.1:9/none")


def test_a_wrong_address_is_a_mistake() -> None:
    with pytest.raises(HistoryError) as caught:
        History.open("mysql://host/name")
    assert not isinstance(caught.value, HistoryUnavailableError)


MOUNTS = """\
24 1 259:1 / / rw - ext4 /dev/root rw
30 24 0:40 / /home rw,relatime shared:1 - nfs4 server:/home rw
31 30 0:41 / /home/me/local\\040disk rw - ext4 /dev/sdb rw
broken line
32 24 0:42 / /mnt rw - fuse.sshfs host:/ rw
33 24 0:43 / /mnt rw - xfs /dev/sdc rw
"""


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/home/me/history.db", "nfs4"),
        ("/home/me/local disk/history.db", None),
        ("/homes/history.db", None),
        ("/mnt/history.db", None),  # the later mount covers the earlier
        ("/history.db", None),
    ],
)
def test_network_file_systems_are_known_by_their_mounts(
    path: str, kind: str | None, tmp_path: Path
) -> None:
    (tmp_path / "mountinfo").write_text(MOUNTS)
    assert network_file_system(Path(path), tmp_path / "mountinfo") == kind
    assert network_file_system(Path(path), tmp_path / "missing") is None


def test_on_a_network_file_system_a_rollback_journal_is_kept_and_told_once(
    url: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(database, "network_file_system", lambda path: "nfs4")
    for number in (2, 3):
        with History.open(url) as history:
            history.runs.add(SPACE, trial(number))
    assert _mode(url) == "delete" and not Path(f"{url}-wal").exists()
    (told,) = [record.getMessage() for record in caplog.records]
    assert "rollback journal, as it is on nfs4" in told
    monkeypatch.undo()
    with History.open(url) as history:
        assert len(history.runs.trials(RUN.id)) == 4
    assert _mode(url) == "wal"


def test_where_no_log_is_held_it_works_without(tmp_path: Path) -> None:
    """SQLite's own answer is what counts: a database in memory has no write-ahead log."""
    with closing(sqlite3.connect(":memory:")) as connection:
        assert "does not hold" in str(database._logged_ahead(connection))
    with closing(sqlite3.connect(tmp_path / "a.db")) as connection:
        assert database._logged_ahead(connection) is None


def _mode(url: str) -> str:
    with closing(sqlite3.connect(url)) as connection:
        return str(connection.execute("PRAGMA journal_mode").fetchone()[0])


def test_an_older_history_that_is_locked_is_not_half_migrated(tmp_path: Path) -> None:
    path = tmp_path / "old.db"
    shutil.copy(Path(__file__).with_name("version_2.db"), path)
    with locked(str(path)), pytest.raises(HistoryUnavailableError):
        History.open(str(path), patience_s=0.05)
    with History.open(str(path)) as history:
        assert len(history.runs.trials(RUN.id)) == 3

"""Opening a history's database: where it is, who may read it, how two processes share it."""

import logging
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.exc import (
    ArgumentError,
    DataError,
    DBAPIError,
    IntegrityError,
    NoSuchModuleError,
    ProgrammingError,
    SQLAlchemyError,
)

from edgeprune.errors import NoHomeError
from edgeprune.folders import user_data
from edgeprune.history.errors import HistoryError, HistoryUnavailableError
from edgeprune.history.file_systems import network_file_system
from edgeprune.history.migrations import bring_up_to_date, found_version
from edgeprune.history.tables import SCHEMA_VERSION
from edgeprune.passwords import MASK, masked

#: Names a history for all commands.
HISTORY_VARIABLE = "EDGEPRUNE_HISTORY"
#: How long a writer waits for another one, seconds.
BUSY_TIMEOUT_S = 30.0
#: How long a server may take to answer, seconds.
_CONNECT_TIMEOUT_S = 10
#: Databases with the upsert that the store uses.
_DIALECTS = ("sqlite", "postgresql")
#: Any number, the same for all processes: a lock in PostgreSQL.
_MAKING_TABLES = 5_033_166_472
_READING = "edgeprune_reading"
_NO_PASSWORD = (
    "a run keeps no password: give it in PGPASSWORD or ~/.pgpass, or the whole address again with "
    f"--history or in {HISTORY_VARIABLE}"
)
#: Databases that have been told of: each once.
_told: set[str] = set()

_log = logging.getLogger(__name__)


def _usual_place() -> str:
    try:
        return str(user_data() / "history.db")
    except NoHomeError as error:
        msg = f"{error}, or {HISTORY_VARIABLE}"
        raise HistoryUnavailableError(msg) from error


def history_url(given: str | None) -> URL:
    """Where the history is: what is given, else the variable's, else the user's data folder.

    Args:
        given: a path, or a URL such as ``postgresql+psycopg://host/name``.

    Raises:
        HistoryError: it is no URL, or of a database that is not supported.
    """
    where = given or os.environ.get(HISTORY_VARIABLE) or _usual_place()
    if where.lower() in {"none", "off", "default"}:
        msg = (
            f"{where!r} is no place for a history; allowed: a file, sqlite:///file.db or "
            f"postgresql+psycopg://user@host/name; `history: none` in a pipeline runs without one"
        )
        raise HistoryError(msg)
    if "://" not in where:
        return URL.create("sqlite", database=str(Path(where).expanduser().absolute()))
    try:
        url = make_url(where)
    except (ArgumentError, ValueError) as error:
        # It may hold a password: it is not shown.
        msg = (
            "the history's address is no database URL; allowed: a file, sqlite:///file.db or "
            "postgresql+psycopg://user@host/name"
        )
        raise HistoryError(msg) from error
    if url.get_backend_name() not in _DIALECTS:
        msg = f"a history cannot be kept in {url.get_backend_name()}; allowed: a file, PostgreSQL"
        raise HistoryError(msg)
    return _completed(where, url)


def _completed(where: str, url: URL) -> URL:
    """An address whose password was masked: as the variable has it, or for libpq to complete."""
    if MASK not in {url.password, *url.query.values()}:
        return url
    known = os.environ.get(HISTORY_VARIABLE, "")
    if known != where and masked(known) == where:
        return make_url(known)
    query = {key: value for key, value in url.query.items() if value != MASK}
    return URL.create(
        *(url.drivername, url.username, None, url.host, url.port, url.database, query)
    )


def open_database(url: URL, patience_s: float = BUSY_TIMEOUT_S) -> Engine:
    """An engine on a database that has the tables of this version.

    Args:
        url: of the database.
        patience_s: how long a writer waits for another one, seconds.

    Raises:
        HistoryUnavailableError: it is locked, full or out of reach.
        HistoryError: it is no history, or is of a newer version.
    """
    if url.get_backend_name() == "sqlite":
        _make_private(url)
    try:
        # A server may have been started anew, or a firewall have forgotten a connection, since the
        # last trial was written.
        server = url.get_backend_name() != "sqlite"
        engine = create_engine(
            url, connect_args=_connect_args(url, patience_s), pool_pre_ping=server
        )
    except (NoSuchModuleError, ImportError) as error:
        msg = (
            f"the history {_shown(url)}: its driver is missing ({error}); install it: "
            "python -m pip install 'edgeprune[postgresql]'"
        )
        raise HistoryError(msg) from error
    if engine.dialect.name == "sqlite":
        _share_sqlite(engine)
    try:
        _ready(engine)
    except BaseException:
        engine.dispose()
        raise
    return engine


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """A connection that only reads, and waits for nobody.

    Raises:
        HistoryError: the database cannot be read.
    """
    with _named(engine), engine.connect() as plain:
        yield plain.execution_options(**{_READING: True})


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """A transaction; all of it is written, or nothing.

    Raises:
        HistoryError: the database cannot be written.
    """
    with _named(engine), engine.begin() as connection:
        yield connection


def _ready(engine: Engine) -> None:
    with reading(engine) as connection:
        found = _known_version(connection)
    if found == SCHEMA_VERSION:  # a locked or full one still opens, and is read
        return
    with writing(engine) as connection:
        if engine.dialect.name == "postgresql":
            # Two processes that make the same tables at once would fail; SQLite's writers wait.
            connection.execute(text(f"SELECT pg_advisory_xact_lock({_MAKING_TABLES})"))
        bring_up_to_date(connection, _known_version(connection))


def _known_version(connection: Connection) -> int:
    found = found_version(connection)
    if found > SCHEMA_VERSION:
        msg = (
            f"the history {_shown(connection.engine.url)} was written by a newer edgeprune "
            f"(version {found}; this one reads up to {SCHEMA_VERSION}); update edgeprune, or "
            f"choose another history with {HISTORY_VARIABLE}"
        )
        raise HistoryError(msg)
    return found


@contextmanager
def _named(engine: Engine) -> Iterator[None]:
    """Turn the database's errors into ours."""
    try:
        yield
    except SQLAlchemyError as error:
        reason = str(error.orig) if isinstance(error, DBAPIError) else str(error)
        reason = masked(reason)
        if engine.url.password:
            reason = reason.replace(str(engine.url.password), MASK)
        msg = f"the history {_shown(engine.url)} cannot be used: {reason.strip()}"
        if "password" in reason and not engine.url.password:
            msg += f"; {_NO_PASSWORD}"
        elif "locked" in reason:
            msg += "; another process is writing, and did not end in time"
        else:
            msg += f"; mend it, move it away, or choose another with {HISTORY_VARIABLE}"
        # What another file or a wrong value is to blame for does not pass with time.
        mistaken = isinstance(error, DataError | IntegrityError | ProgrammingError)
        if mistaken or "not a database" in reason:
            raise HistoryError(msg) from error
        raise HistoryUnavailableError(msg) from error
    except (ValueError, RecursionError) as error:  # a column that is no JSON
        msg = f"the history {_shown(engine.url)} holds what is no record: {error}"
        raise HistoryUnavailableError(msg) from error


def _make_private(url: URL) -> None:
    """The database's folder and file, for the user's eyes only."""
    if url.database in {None, "", ":memory:"}:
        msg = "a history in memory would be forgotten; give a file"
        raise HistoryError(msg)
    path = Path(str(url.database))
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    except OSError as error:
        msg = (
            f"the history {path} cannot be opened: {error.strerror}; choose another with "
            f"{HISTORY_VARIABLE}"
        )
        if isinstance(error, IsADirectoryError | NotADirectoryError):
            raise HistoryError(msg) from error
        raise HistoryUnavailableError(msg) from error


def _connect_args(url: URL, patience_s: float) -> dict[str, object]:
    if url.get_backend_name() == "sqlite":
        return {"timeout": patience_s}
    asked = url.get_driver_name() in {"psycopg", "psycopg2"}
    return {"connect_timeout": _CONNECT_TIMEOUT_S} if asked else {}


def _share_sqlite(engine: Engine) -> None:
    """Readers and one writer at a time do not hinder one another; further writers wait.

    A writer takes its lock when it begins: one that only reads at first and writes later would
    fail instead of waiting when another one was quicker.
    """
    file = Path(str(engine.url.database))
    behind = network_file_system(file)

    def connected(connection: sqlite3.Connection, _: object) -> None:
        connection.isolation_level = None  # the driver would begin by itself, and too late
        why = f"it is on {behind}, a network file system" if behind else _logged_ahead(connection)
        if why is not None:
            connection.execute("PRAGMA journal_mode = DELETE")
            _tell_once(file, why)
        connection.execute("PRAGMA foreign_keys = ON")

    def begun(connection: Connection) -> None:
        only_reads = connection.get_execution_options().get(_READING, False)
        connection.exec_driver_sql("BEGIN" if only_reads else "BEGIN IMMEDIATE")

    event.listen(engine, "connect", connected)
    event.listen(engine, "begin", begun)


def _logged_ahead(connection: sqlite3.Connection) -> str | None:
    """Switch to a write-ahead log, or say why there can be none."""
    try:
        (mode,) = connection.execute("PRAGMA journal_mode = WAL").fetchone()
    except sqlite3.OperationalError as error:
        if "locking protocol" not in str(error):
            raise
        mode = str(error)
    return None if mode == "wal" else f"its folder does not hold a write-ahead log ({mode})"


def _tell_once(file: Path, why: str) -> None:
    if str(file) not in _told:
        _told.add(str(file))
        _log.warning(
            "the history %s is kept with a rollback journal, as %s: its readers wait for writers; "
            "several machines at once are better served by PostgreSQL",
            *(file, why),
        )


def _shown(url: URL) -> str:
    """Without its password."""
    if url.get_backend_name() == "sqlite":
        return str(url.database)
    return masked(url.render_as_string(hide_password=True))

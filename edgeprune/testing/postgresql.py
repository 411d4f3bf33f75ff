"""A private PostgreSQL server for tests: Debian's own programs, on a socket of their own."""

import contextlib
import getpass
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import URL, create_engine, make_url

#: The newest that is installed; Debian keeps them off the path.
_FOLDERS = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
_PATH = os.pathsep.join([*map(str, _FOLDERS), os.environ.get("PATH", "")])
INITDB = shutil.which("initdb", path=_PATH)
NEEDS_POSTGRESQL = pytest.mark.skipif(
    INITDB is None and "CI" not in os.environ, reason="no initdb: apt install postgresql"
)
#: Users, of whom the first that there is runs the server where this process is root.
_UNPRIVILEGED = ("postgres", "nobody")
_ROLE = "edgeprune"
_START_S = 30.0


@contextlib.contextmanager
def postgresql_server() -> Iterator[str]:
    """Start a server as an unprivileged user, with nothing in it.

    Yields:
        Its address, of a database that is there; the role may make others.
    """
    assert INITDB is not None
    user = _user()
    folder = Path(tempfile.mkdtemp(prefix="edgeprune-postgresql-", dir="/tmp"))
    try:
        if user is not None:
            shutil.chown(folder, user)
        data, programs = folder / "data", Path(INITDB).parent
        made = [INITDB, "-D", str(data), "-U", _ROLE, "-A", "trust", "-E", "UTF8", "--no-locale"]
        subprocess.run([*made, "--no-sync"], check=True, user=user, cwd=folder, capture_output=True)
        settings = ("listen_addresses=", f"unix_socket_directories={folder}", "fsync=off")
        words = [str(programs / "postgres"), "-D", str(data)]
        words += [word for setting in settings for word in ("-c", setting)]
        with (folder / "log").open("w") as log:
            server = subprocess.Popen(words, user=user, cwd=folder, stdout=log, stderr=log)
        try:
            url = f"postgresql+psycopg://{_ROLE}@/postgres?host={folder}"
            _wait_for(url, server, folder / "log")
            yield url
        finally:
            server.send_signal(signal.SIGINT)  # do not wait for those who are connected
            server.wait(30)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def database(server: str) -> Iterator[str]:
    """An empty database of a server, which is gone afterwards."""
    name = f"edgeprune_test_{uuid.uuid4().hex}"
    url = make_url(server)
    _call("createdb", url, name)
    try:
        yield url.set(database=name).render_as_string(hide_password=False)
    finally:
        _call("dropdb", url, "--force", name)


def _call(program: str, server: URL, *words: str) -> None:
    """Run one of PostgreSQL's own programs on a server."""
    assert INITDB is not None
    path = str(Path(INITDB).with_name(program))
    there = ["--host", str(server.query["host"]), "--username", _ROLE]
    subprocess.run([path, *there, *words], check=True, capture_output=True)


def _user() -> str | None:
    """Who runs the server: PostgreSQL refuses to be root's."""
    if os.geteuid() != 0:
        return None
    for name in _UNPRIVILEGED:
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(name).pw_name
    msg = f"none of the users {', '.join(_UNPRIVILEGED)} is there, and {getpass.getuser()} is root"
    raise RuntimeError(msg)


def _wait_for(url: str, server: subprocess.Popen[bytes], log: Path) -> None:
    engine, end = create_engine(url), time.monotonic() + _START_S
    while True:
        try:
            with engine.connect():
                engine.dispose()
                return
        except Exception:
            if server.poll() is not None or time.monotonic() > end:
                raise RuntimeError(log.read_text()) from None
        time.sleep(0.05)

"""Where boards are kept, and making an entry exactly once."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from edgeprune.errors import TargetError
from edgeprune.folders import CACHE_VARIABLE, user_cache

Note = Callable[[str], None]


def quiet(_: str) -> None:
    """A progress callback that tells nobody."""


def store() -> Path:
    """The folder of all boards, private to the user, made where it is missing.

    Returns:
        ``boards`` in `edgeprune.folders.user_cache`.

    Raises:
        TargetError: it cannot be made.
    """
    with reported():
        folder = user_cache() / "boards"
        # Private keys lie in it.
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder.chmod(0o700)
    return folder


@contextmanager
def reported() -> Iterator[None]:
    """Turn a full disk or a read-only cache into a message with the way out."""
    try:
        yield
    except OSError as error:
        where = f" {error.filename}" if error.filename else ""
        msg = (
            f"the cache of ARM64 boards cannot be used:{where}: {error.strerror or error}; "
            f"set {CACHE_VARIABLE} to a folder of yours with 2 GB of space"
        )
        raise TargetError(msg) from error


@contextmanager
def locked(path: Path, note: Note = quiet) -> Iterator[None]:
    """Hold a file lock; the system lets go of it if the process is killed.

    Args:
        path: the lock file, made where it is missing and left there.
        note: told if somebody else holds the lock, before waiting for it.
    """
    lock = FileLock(path)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        note(f"waiting for another process that works on {path.stem}")
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


def made_once(name: str, make: Callable[[Path], None], note: Note = quiet) -> Path:
    """An entry of the store, made if it is missing.

    Args:
        name: of the entry; a name stands for one content for ever.
        make: fills a new, empty folder; not called if the entry is there.
        note: told what takes long.

    Returns:
        The entry's folder: whole, or not there at all. An interrupted `make` leaves nothing, a
        killed one a folder that the next call removes.

    Raises:
        TargetError: the store cannot be written.
    """
    final = store() / name
    if final.is_dir():
        return final
    partial = final.with_name(f".{name}.partial")
    with reported(), locked(final.with_name(f".{name}.lock"), note):
        if final.is_dir():
            return final
        try:
            _remove(partial)
            partial.mkdir(mode=0o700)
            make(partial)
            partial.rename(final)
        finally:
            _remove(partial)
    return final


def _remove(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)

"""Where unpacked archives and decoded images are kept between runs."""

import hashlib
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from edgeprune.errors import WorkloadError
from edgeprune.folders import CACHE_VARIABLE, user_cache

_WEEK_S = 7 * 24 * 3600


def cache_folder(kind: str) -> Path:
    """A folder in the cache, made where it is missing.

    Args:
        kind: ``unpacked``, ``decoded`` or ``downloads``.

    Returns:
        ``kind`` in `edgeprune.folders.user_cache`.

    Raises:
        WorkloadError: it cannot be made.
    """
    with reported_cache_errors():
        folder = user_cache() / kind
        folder.mkdir(parents=True, exist_ok=True)
    return folder


@contextmanager
def reported_cache_errors() -> Iterator[None]:
    """Turn a full disk or a read-only cache into a message with the way out."""
    try:
        yield
    except OSError as error:
        where = f" {error.filename}" if error.filename else ""
        msg = (
            f"the image cache cannot be written:{where}: {error.strerror or error}; "
            f"set {CACHE_VARIABLE} to a folder with space"
        )
        raise WorkloadError(msg) from error


@contextmanager
def partial_folder(final: Path) -> Iterator[Path]:
    """A temporary folder beside `final`, removed at the end; whatever is kept is renamed.

    Two processes may fill the same cache entry: each works in its own folder, and a rename is
    atomic, so nobody ever sees half of one.
    """
    for left_behind in final.parent.glob(".*.partial"):  # by a process that was killed
        if time.time() - left_behind.stat().st_mtime > _WEEK_S:
            shutil.rmtree(left_behind, ignore_errors=True)
    with tempfile.TemporaryDirectory(
        prefix=f".{final.name[:40]}.",
        suffix=".partial",
        dir=final.parent,
        ignore_cleanup_errors=True,
    ) as folder:
        yield Path(folder)


def short_digest(text: str) -> str:
    """16 hexadecimal digits that stand for a text in a file name."""
    return hashlib.sha256(text.encode()).hexdigest()[:16]

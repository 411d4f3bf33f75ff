"""Writing files so that a kill at any moment leaves the old one or the new one, never half."""

import errno
import hashlib
import json
import os
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO


def write_atomic(path: Path, data: bytes) -> None:
    """Write `data` to `path`; see `replacing`.

    Args:
        path: where the data goes; its folder exists.
        data: the whole content.

    Raises:
        OSError: the disk is full or the folder is read-only; `path` is left as it was.
    """
    with replacing(path) as file:
        file.write(data)


@contextmanager
def replacing(path: Path, mode: int = 0o666) -> Iterator[BinaryIO]:
    """A file that takes the place of `path` once it is whole: a kill or power loss leaves either.

    It lies beside `path` until then. Its content is on the disk before its name is, and its name
    before this returns, so that what is written afterwards can rely on it.

    Args:
        path: its folder exists.
        mode: who may read and write it, less what the user's mask takes away.

    Raises:
        OSError: the disk is full or the folder is read-only; `path` is left as it was.
    """
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")

    def create(name: str, flags: int) -> int:
        return os.open(name, flags, mode)

    try:
        with open(partial, "wb", opener=create) as file:
            yield file
        put_in_place(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def put_in_place(partial: Path, path: Path) -> None:
    """Give a finished file its name: content first, then the name, each on the disk."""
    with partial.open("rb") as file:
        os.fsync(file.fileno())
    partial.replace(path)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Put the names in a folder on the disk: a new file is lost with its name.

    Some file systems, those of networks mostly, know no such thing.
    """
    try:
        opened = os.open(folder, os.O_RDONLY)
    except OSError:  # it may be written to, but not be listed
        return
    try:
        os.fsync(opened)
    except OSError as error:
        if error.errno not in {errno.EINVAL, errno.ENOTSUP, errno.EBADF, errno.EACCES}:
            raise
    finally:
        os.close(opened)


def write_json(path: Path, value: Any) -> None:
    """Write `value` as indented JSON, atomically; NaN is refused because JSON has none."""
    write_atomic(path, (json.dumps(value, indent=2, allow_nan=False) + "\n").encode())


def sha256(path: Path) -> str:
    """The hexadecimal SHA-256 of a file's content."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def deflated(content: bytes) -> int:
    """Bytes of a file after the strongest deflate, as in a wheel, an APK or over HTTP."""
    return len(zlib.compress(content, 9))

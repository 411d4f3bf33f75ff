"""Writing files so that a kill at any moment leaves the old one or the new one, never half."""

import hashlib
import json
import os
import zlib
from pathlib import Path
from typing import Any


def write_atomic(path: Path, data: bytes) -> None:
    """Write `data` to `path` through a temporary file beside it, synced before the rename.

    Args:
        path: where the data goes; its folder exists.
        data: the whole content.

    Raises:
        OSError: the disk is full or the folder is read-only; `path` is left as it was.
    """
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        with partial.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


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

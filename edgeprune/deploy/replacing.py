"""A folder that is written whole or not at all."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from edgeprune.errors import RunError


@contextmanager
def replaced(folder: Path, mark: str) -> Iterator[Path]:
    """Fill a new folder beside the old one, and put it into its place at the end.

    Args:
        folder: what is written; an older one is removed when the new one is whole.
        mark: file that an older one has, if it was written by this.

    Yields:
        The folder to fill. An error leaves the old one as it was.

    Raises:
        RunError: the place is taken by something else, or cannot be written.
    """
    if folder.exists() and not (folder / mark).is_file():
        msg = f"{folder} is there and was not built by edgeprune ({mark} is missing); remove it"
        raise RunError(msg)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        partial = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    except OSError as error:
        msg = f"{folder} cannot be written: {error.strerror or error}"
        raise RunError(msg) from error
    try:
        partial.chmod(0o755)
        yield partial
        if folder.exists():
            shutil.rmtree(folder)
        partial.rename(folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)

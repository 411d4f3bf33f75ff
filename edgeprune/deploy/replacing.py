"""A folder that is written whole or not at all."""

import json
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from edgeprune.errors import RunError

#: Foreign files that a message names.
_TOLD = 3


@contextmanager
def replaced(folder: Path, mark: str) -> Iterator[Path]:
    """Fill a new folder beside the old one, and put it into its place at the end.

    Args:
        folder: what is written; an older one is removed when the new one is whole.
        mark: the manifest that an older one has, if it was written by this: JSON that lists its
            ``files``. Nothing else is ever removed.

    Yields:
        The folder to fill. An error leaves the old one as it was.

    Raises:
        RunError: the place is taken by something else, holds files that are not in its manifest,
            or cannot be written.
    """
    _check_ours(folder, mark)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        partial = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    except OSError as error:
        msg = f"{folder} cannot be written: {error.strerror or error}"
        raise RunError(msg) from error
    try:
        partial.chmod(0o755)
        yield partial
        _check_ours(folder, mark)  # a build takes minutes
        if folder.exists():
            shutil.rmtree(folder)
        partial.rename(folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _check_ours(folder: Path, mark: str) -> None:
    """Raise `RunError` unless everything in a folder was built, or there is none."""
    if folder.is_symlink():
        msg = f"{folder} is a link, which edgeprune does not replace; remove it"
        raise RunError(msg)
    if not folder.exists():
        return
    listed = _listed(folder / mark)
    if listed is None:
        msg = (
            f"{folder} is there and was not built by edgeprune ({mark} is missing or another "
            "program's); remove it"
        )
        raise RunError(msg)
    found = {
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if path.is_symlink() or not path.is_dir()
    }
    if others := sorted(found - listed - {mark}):
        msg = (
            f"{folder} holds {len(others)} files that edgeprune did not build: "
            f"{', '.join(others[:_TOLD])}; move them away, or give another --output"
        )
        raise RunError(msg)


def _listed(manifest: Path) -> set[str] | None:
    """Names of a build's files; None where this is no build's manifest."""
    try:
        found = json.loads(manifest.read_text(encoding="utf-8"))
        return set(found["files"]) if isinstance(found["edgeprune"], str) else None
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        return None

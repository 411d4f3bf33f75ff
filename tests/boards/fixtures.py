"""Real ARM64 boards for tests; a conftest imports the fixtures it wants from here.

They are built into the user's cache once (about 100 MB to download, 25 s). Where a program for
them is missing the tests are skipped, but not in CI.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from edgeprune.boards import ARM64, Architecture, Board, emulated, missing_programs, virtual
from edgeprune.boards.recipe import debian_release
from edgeprune.boards.store import store
from edgeprune.errors import TargetError


def require_programs(architecture: Architecture = ARM64) -> None:
    """Skip where a board's programs are missing, but not in CI."""
    if os.environ.get("CI"):
        return
    if missing := missing_programs(architecture.virtual_programs):
        pytest.skip(f"not installed: {', '.join(missing)}")
    try:
        debian_release()
    except TargetError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def emulated_python() -> Path:
    """The ARM64 Python under user-mode emulation."""
    require_programs()
    return emulated.make()


@contextmanager
def own_name(kind: str) -> Iterator[str]:
    """A name for a virtual board of this test process; nothing of the board is left."""
    name = f"{kind}-{os.getpid()}"
    try:
        yield name
    finally:
        virtual.stop(name)
        (store() / "running" / f".{name}.lock").unlink(missing_ok=True)


@pytest.fixture(scope="session")
def virtual_board() -> Iterator[Board]:
    """A virtual board of the tests' own; the user's may run beside it."""
    require_programs()
    with own_name("test") as name:
        yield virtual.start(name=name)

from collections.abc import Iterator
from pathlib import Path

import pytest

from edgeprune.boards import Board
from tests.boards.fixtures import emulated_python, own_name, virtual_board

__all__ = ["emulated_python", "virtual_board"]


@pytest.fixture
def empty_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where boards are kept, for tests that build nothing real."""
    monkeypatch.setenv("EDGEPRUNE_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "boards"


@pytest.fixture
def second_name(virtual_board: Board) -> Iterator[str]:
    """Name of a board beside the first; whatever a test starts under it is ended."""
    with own_name("second") as name:
        yield name

import dataclasses
import platform
from pathlib import Path

import pytest

from edgeprune.boards import ARMHF, RECIPE, RECIPE_TVM
from edgeprune.errors import TargetError

CONSTRAINTS = Path(__file__).parents[2] / "constraints.txt"


@pytest.fixture
def bookworm(monkeypatch: pytest.MonkeyPatch) -> None:
    release = {"ID": "debian", "VERSION_CODENAME": "bookworm"}
    monkeypatch.setattr(platform, "freedesktop_os_release", lambda: release)


def test_equal_recipes_share_a_build(bookworm: None) -> None:
    assert dataclasses.replace(RECIPE).root_key() == RECIPE.root_key()
    assert dataclasses.replace(RECIPE).image_key() == RECIPE.image_key()


@pytest.mark.parametrize(
    "change",
    [{"wheels": ("numpy==2.4.5",)}, {"packages": ("python3",)}, {"architecture": ARMHF}],
)
def test_other_contents_are_another_build(bookworm: None, change: dict[str, object]) -> None:
    other = dataclasses.replace(RECIPE, **change)
    assert other.root_key() != RECIPE.root_key()
    assert other.image_key() != RECIPE.image_key()


def test_another_kernel_needs_no_other_root(bookworm: None) -> None:
    other = dataclasses.replace(RECIPE, kernel="linux-image-arm64")
    assert other.root_key() == RECIPE.root_key()
    assert other.image_key() != RECIPE.image_key()


def test_another_debian_is_another_build(bookworm: None, monkeypatch: pytest.MonkeyPatch) -> None:
    before = RECIPE.root_key()
    release = {"ID": "debian", "VERSION_CODENAME": "trixie"}
    monkeypatch.setattr(platform, "freedesktop_os_release", lambda: release)
    assert RECIPE.root_key() != before


def test_another_system_is_told_what_to_use(monkeypatch: pytest.MonkeyPatch) -> None:
    release = {"ID": "fedora", "PRETTY_NAME": "Fedora 44"}
    monkeypatch.setattr(platform, "freedesktop_os_release", lambda: release)
    with pytest.raises(TargetError, match=r"Fedora 44.*Debian 12"):
        RECIPE.root_key()


def test_the_board_has_the_hosts_versions() -> None:
    def normal(line: str) -> tuple[str, str]:
        name, _, version = line.strip().partition("==")
        return name.lower().replace("_", "-").replace(".", "-"), version

    host = dict(map(normal, CONSTRAINTS.read_text().splitlines()))
    board = dict(map(normal, RECIPE_TVM.wheels))
    assert {name: board[name] for name in board if name in host} == {
        name: host[name] for name in board if name in host
    }
    assert {"numpy", "onnxruntime", "protobuf"} <= set(board) & set(host)

"""`edgeprune devices`: real boards tried, and the boards of a run as plain text."""

import json
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from edgeprune.cli.app import app
from edgeprune.devices.pool.status import BoardStatus, PoolStatus
from edgeprune.testing.drawer import Drawn


def _profile(board: Drawn) -> str:
    path = board.folder / "profile.yaml"
    path.write_text(yaml.safe_dump(board.profile))
    return str(path)


@pytest.fixture
def drawer(tmp_path: Path) -> list[Drawn]:
    return [Drawn.made(tmp_path / name) for name in ("pi-a", "pi-b")]


def test_targets_are_tried_and_told_apart(
    drawer: list[Drawn], start_cli: Callable[..., subprocess.Popen[str]]
) -> None:
    (drawer[1].folder / "off").touch()
    process = start_cli("devices", *map(_profile, drawer))
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    heading, first, second, why = out.splitlines()
    assert heading.split()[:3] == ["board", "state", "for"]
    assert (
        first.split()[:2] == ["pi-a", "free"]
        and "50 °C" in first
        and first.split()[-2:] == ["1", "0"]
    )
    assert second.startswith("pi-b") and "set aside" in second
    assert why.startswith("pi-b: target 'pi-b': ") and why.endswith("Connection refused")
    assert "\x1b" not in out


def test_none_that_answers_is_exit_status_2(drawer: list[Drawn]) -> None:
    for board in drawer:
        (board.folder / "off").touch()
    found = CliRunner().invoke(app, ["devices", *map(_profile, drawer), "--json"])
    assert found.exit_code == 2
    boards = json.loads(found.output)["boards"]
    assert [one["state"] for one in boards] == ["set aside"] * 2


def _run(folder: Path, **changes: object) -> Path:
    folder.mkdir()
    (folder / "pipeline.yaml").write_text("target: local\n")
    boards = (
        BoardStatus(name="pi-a", state="measuring", since_s=0.4, latency_ms=12.34, ratio=0.512),
        BoardStatus(
            name="pi-b", state="set aside", since_s=61, reason="it is away\x1b[2J", errors=2
        ),
    )
    status = PoolStatus(at=time.time(), waiting=3, boards=boards).model_copy(update=changes)
    (folder / "boards.json").write_text(status.model_dump_json())
    return folder


def test_a_run_s_boards_as_plain_text(tmp_path: Path) -> None:
    found = CliRunner().invoke(app, ["devices", str(_run(tmp_path / "run"))])
    assert found.exit_code == 0
    assert [line.split("  ")[0].strip() for line in found.output.splitlines()[1:3]] == [
        "pi-a",
        "pi-b",
    ]
    assert "12.3 ms" in found.output and "0.512x" in found.output
    assert "pi-b: it is away\\x1b[2J" in found.output
    assert "queue: 3 waiting for a board" in found.output


@pytest.mark.parametrize(
    ("changes", "said"),
    [({"at": 0.0}, "was it killed?"), ({"closed": True}, "has let go of its boards")],
)
def test_a_run_that_is_over_is_told_so(
    changes: dict[str, object], said: str, tmp_path: Path
) -> None:
    found = CliRunner().invoke(app, ["devices", str(_run(tmp_path / "run", **changes))])
    assert said in found.output


def test_a_run_of_one_board_tells_what_to_do(tmp_path: Path) -> None:
    (_run(tmp_path / "run") / "boards.json").unlink()
    found = CliRunner().invoke(app, ["devices", str(tmp_path / "run")])
    assert found.exit_code == 2 and "measures on a single one" in found.output
    (tmp_path / "run" / "boards.json").write_text("{}")
    found = CliRunner().invoke(app, ["devices", str(tmp_path / "run")])
    assert found.exit_code == 2 and "does not tell how a pool stands" in found.output


def test_a_name_that_is_no_target_is_told_the_nearest() -> None:
    found = CliRunner().invoke(app, ["devices", "raspbery-pi-4"])
    assert found.exit_code == 2 and "did you mean 'raspberry-pi-4'" in found.output

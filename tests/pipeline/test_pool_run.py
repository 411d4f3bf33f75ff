"""Runs on a pool of two real workers: one dies and comes back, and in the end all are gone."""

import json
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

import edgeprune as ep
from edgeprune.devices.pool.status import read_status
from edgeprune.errors import NoBoardError
from edgeprune.pipeline import check_pipeline
from edgeprune.pipeline.progress import Listener
from edgeprune.search import SearchTrial, read_trials
from edgeprune.testing.drawer import Drawn
from tests.conftest import TINY
from tests.devices.processes import is_gone_soon

#: A run that trains next to nothing.
SHORT = (
    "search.sampler=knapsack",
    "search.trials=6",
    "budget.latency=0.85x",
    "search.curves_s=0",
    "finetune.epochs=0",
    "workload.train.epochs=1",
)


def _on_trial(actions: dict[int, Callable[[], None]]) -> Listener:
    """Does something after some trials of the user's own search."""
    left = dict(actions)

    def on_trial(trial: SearchTrial) -> None:
        left.pop(trial.number, lambda: None)()

    return Listener(on_trial=on_trial)


def _pool(folder: Path, **patience: float) -> tuple[list[Drawn], Path]:
    drawer = [Drawn.made(folder / name) for name in ("pi-a", "pi-b")]
    for board in drawer:
        profile = board.profile
        profile["patience"] |= patience
        (folder / f"{profile['name']}.yaml").write_text(yaml.safe_dump(profile))
    pipeline = folder / "pool.yaml"
    pipeline.write_text(TINY.replace("target: simulated", "target: [pi-a.yaml, pi-b.yaml]"))
    return drawer, pipeline


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> ep.RunResult:
    """A run during which one board dies, and comes back."""
    folder = tmp_path_factory.mktemp("pool")
    drawer, pipeline = _pool(folder)
    actions = {1: drawer[0].switch_off, 4: drawer[0].switch_on}
    listener = _on_trial(actions)
    return ep.run(
        pipeline, run_dir=folder / "run", overrides=SHORT, progress=False, listener=listener
    )


def _boards(trials: list[SearchTrial]) -> list[str]:
    found = [one.outcome.details["candidate"]["conditions"] for one in trials]
    assert all(len(one["device_id"]) == 16 for one in found)
    return [one["pool_board"] for one in found]


def test_a_board_that_dies_costs_no_trial(finished: ep.RunResult) -> None:
    trials = read_trials(finished.directory / "search")
    assert [one.number for one in trials] == list(range(6))
    boards = _boards(list(trials))
    assert set(boards[:2]) == {"pi-a", "pi-b"} and boards[2:5] == ["pi-b"] * 3
    log = (finished.directory / "log.txt").read_text()
    assert "pi-a is set aside, 1 of 2 boards are left" in log and "pi-a is back" in log


def test_the_result_was_measured_on_every_board_and_the_spread_is_reported(
    finished: ep.RunResult,
) -> None:
    manifest = json.loads((finished.directory / "manifest.json").read_text())
    result = manifest["result"]
    by_board = {one["board"]: one for one in result["boards"]}
    assert set(by_board) == {"pi-a", "pi-b"}
    assert result["ratio"] == max(one["ratio"] for one in by_board.values())
    assert manifest["target"]["name"].count(".yaml") == 2
    errors = {one["name"]: one["errors"] for one in manifest["target"]["boards"]}
    assert errors["pi-a"] >= 1 and errors["pi-b"] == 0
    page = (finished.directory / "report.html").read_text()
    assert "Board by board" in page and "The result was measured on 2 boards" in page
    assert "Connection refused" in page


def test_the_status_stays_when_the_run_is_over(finished: ep.RunResult) -> None:
    status = read_status(finished.directory / "boards.json")
    assert status is not None and status.closed
    assert [board.name for board in status.boards] == ["pi-a", "pi-b"]
    assert all(board.measured > 5 for board in status.boards)


def test_a_run_whose_last_board_goes_stops_and_is_resumed(tmp_path: Path) -> None:
    drawer, pipeline = _pool(tmp_path, away_s=0.3)

    def all_off() -> None:
        for board in drawer:
            board.switch_off()

    told: dict[str, Any] = {"run_dir": tmp_path / "run", "progress": False}
    with pytest.raises(NoBoardError, match=r"no board is left.*edgeprune resume .*run") as caught:
        ep.run(pipeline, overrides=SHORT, listener=_on_trial({2: all_off}), **told)
    assert caught.value.exit_code == 4
    before = read_trials(tmp_path / "run" / "search")
    assert len(before) == 3
    drawer[0].switch_on()
    result = ep.resume(tmp_path / "run", progress=False)
    assert result.trials[:3] == before and len(result.trials) == 6
    # The other board was away until the end: it is in the report, without a number.
    page = (tmp_path / "run" / "report.html").read_text()
    assert "1 of 2 boards" in page and "away when the result was measured" in page


def test_ctrl_c_ends_a_run_with_all_its_workers(
    tmp_path: Path, start_cli: Callable[..., subprocess.Popen[str]]
) -> None:
    drawer, pipeline = _pool(tmp_path)
    settings = [word for one in SHORT for word in ("--set", one)]
    run_dir = tmp_path / "run"
    process = start_cli("run", pipeline, "--run-dir", run_dir, *settings)
    end = time.monotonic() + 150
    while (found := read_status(run_dir / "boards.json")) is None or not found.boards[1].measured:
        assert time.monotonic() < end and process.poll() is None
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, error = process.communicate(timeout=90)
    assert process.returncode == 130 and "edgeprune resume" in error, error
    assert all(is_gone_soon(board.pid) for board in drawer)
    closed = read_status(run_dir / "boards.json")
    assert closed is not None and closed.closed


def test_check_tells_of_each_board_and_of_the_pool(tmp_path: Path) -> None:
    drawer, pipeline = _pool(tmp_path)
    (drawer[1].folder / "off").touch()
    links = {link.name: link for link in check_pipeline(pipeline)}
    assert links["pi-a: connection"].state == "ok"
    away = links["pi-b: connection"]
    assert away.state == "warning" and "set aside: " in away.found and "refused" in away.found
    assert links["pool"].found == "1 of 2 boards are there, of one type"
    assert links["pool"].state == "warning" and "duration" in links
    (drawer[1].folder / "off").unlink()
    serial = "sys/firmware/devicetree/base/serial-number"
    (drawer[1].folder / serial).write_text((drawer[0].folder / serial).read_text())
    links = {link.name: link for link in check_pipeline(pipeline)}
    assert links["pool"].state == "broken" and "the same board twice" in links["pool"].found

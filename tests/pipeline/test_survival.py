"""Runs survive being killed at any moment: nothing is lost, repeated or decided differently."""

import json
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

import edgeprune as ep
from edgeprune.search import read_trials
from tests.conftest import TINY
from tests.pipeline.freezing import frozen_copies

Cli = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> ep.RunResult:
    folder = tmp_path_factory.mktemp("uninterrupted")
    (folder / "tiny.yaml").write_text(TINY)
    return ep.run(folder / "tiny.yaml", run_dir=folder / "run", progress=False)


def _trials(directory: Path, name: str) -> list[tuple[dict[str, int], float]]:
    return [(trial.widths, trial.outcome.accuracy) for trial in read_trials(directory / name)]


def _race(result: ep.RunResult) -> list[dict[str, object]]:
    """All of it but the seconds."""
    return [{**one, "seconds": None} for one in result.manifest["race"]]


def _wait_for(process: "subprocess.Popen[str]", path: Path) -> None:
    deadline = time.monotonic() + 120
    while not path.exists():
        if process.poll() is not None:
            raise AssertionError(process.communicate()[1])
        assert time.monotonic() < deadline, f"{path} never came"
        time.sleep(0.005)


MOMENTS = (
    "train base: started", "probe: started", "search trial 0", "search trial 6", "random trial 3",
    "contenders: measuring", "race: started", "race epoch 1", "race: finished",
    "filled: written", "result: written",
)  # fmt: skip


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory, start_cli: Cli) -> dict[str, Path]:
    """Run directories as a kill at each moment leaves them."""
    folder = tmp_path_factory.mktemp("killed")
    (folder / "tiny.yaml").write_text(TINY)
    process = start_cli("run", folder / "tiny.yaml", "--run-dir", folder / "run")
    return frozen_copies(process, folder / "run", MOMENTS, folder)


@pytest.mark.parametrize("moment", MOMENTS)
def test_killed_and_resumed_equals_uninterrupted(
    moment: str, uninterrupted: ep.RunResult, killed: dict[str, Path]
) -> None:
    run_dir = killed[moment]
    resumed = ep.resume(run_dir, progress=False)
    for name in ("search", "random"):
        assert _trials(run_dir, name) == _trials(uninterrupted.directory, name)
    assert (run_dir / "plan.json").read_text() == (
        uninterrupted.directory / "plan.json"
    ).read_text()
    assert resumed.manifest["widths"] == uninterrupted.manifest["widths"]
    assert _race(resumed) == _race(uninterrupted)
    assert not list(run_dir.rglob("*.checkpoint"))


def test_ctrl_c_leaves_a_resumable_run(tiny_pipeline: Path, tmp_path: Path, start_cli: Cli) -> None:
    run_dir = tmp_path / "run"
    process = start_cli("run", tiny_pipeline, "--run-dir", run_dir)
    _wait_for(process, run_dir / "stages" / "probe.json")
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "resume" in errors and "Traceback" not in errors
    assert ep.resume(run_dir, progress=False).met


def test_two_processes_never_work_in_one_directory(
    tiny_pipeline: Path, tmp_path: Path, start_cli: Cli
) -> None:
    run_dir = tmp_path / "run"
    first = start_cli("run", tiny_pipeline, "--run-dir", run_dir)
    _wait_for(first, run_dir / "log.txt")
    second = start_cli("resume", run_dir)
    _, errors = second.communicate(timeout=60)
    first.kill()
    first.communicate()
    assert second.returncode == 2
    assert "another edgeprune process" in errors


def test_half_written_manifest_is_never_seen(uninterrupted: ep.RunResult) -> None:
    assert not list(uninterrupted.directory.rglob("*.partial"))
    json.loads((uninterrupted.directory / "manifest.json").read_text())

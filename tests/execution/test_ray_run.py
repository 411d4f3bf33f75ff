"""Whole runs whose candidates are scored by workers of a real Ray."""

import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

import edgeprune as ep
from edgeprune.errors import ConfigError, ExecutionError
from edgeprune.pipeline.progress import Listener
from edgeprune.search import SearchTrial, read_trials

#: A run that trains next to nothing.
SHORT = (
    "search.sampler=knapsack",
    "search.trials=10",
    "search.curves_s=0",
    "finetune.epochs=0",
    "workload.train.epochs=1",
)
RAY = (*SHORT, "execution.engine=ray", "execution.accuracy_workers=2")


def workers() -> list[int]:
    """Processes of workers on this machine."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if b"ray::Worker" in path.read_bytes():
                found.append(int(path.parent.name))
        except OSError:
            continue
    return found


@pytest.mark.usefixtures("cluster")
def test_one_at_a_time_it_is_the_run_that_this_process_does(
    tiny_pipeline: Path, tmp_path: Path
) -> None:
    ours, theirs = tmp_path / "ours", tmp_path / "theirs"
    ep.run(tiny_pipeline, run_dir=ours, overrides=SHORT, progress=False)
    one = (*RAY, "execution.outstanding=1")
    ep.run(tiny_pipeline, run_dir=theirs, overrides=one, progress=False)
    for search in ("search", "random"):
        pairs = zip(read_trials(ours / search), read_trials(theirs / search), strict=True)
        for here, there in pairs:
            assert here.widths == there.widths
            assert here.outcome.accuracy == there.outcome.accuracy
            assert here.outcome.latency_ratio == there.outcome.latency_ratio
            assert "waited" in there.outcome.details["seconds"]
    assert "2 accuracy workers in the Ray of this process, 2 of them" in (
        (theirs / "log.txt").read_text()
    )


@pytest.mark.usefixtures("cluster")
def test_a_run_goes_on_without_the_workers_that_die(tiny_pipeline: Path, tmp_path: Path) -> None:
    def on_trial(trial: SearchTrial) -> None:
        if trial.number in (2, 6) and (found := workers()):
            os.kill(found[0], signal.SIGKILL)

    result = ep.run(
        tiny_pipeline,
        run_dir=tmp_path / "run",
        overrides=RAY,
        progress=False,
        listener=Listener(on_trial=on_trial),
    )
    for search in ("search", "random"):
        trials = read_trials(result.directory / search)
        assert [one.number for one in trials] == list(range(10))
        assert len({tuple(one.widths.values()) for one in trials}) == 10
    assert "a worker was lost" in (result.directory / "log.txt").read_text()


def test_a_killed_driver_goes_on_from_its_run_directory(
    address: str,
    tiny_pipeline: Path,
    tmp_path: Path,
    start_cli: Callable[..., "subprocess.Popen[str]"],
) -> None:
    run_dir = tmp_path / "run"
    settings = [word for one in (*RAY, f"execution.address={address}") for word in ("--set", one)]
    driver = start_cli("run", tiny_pipeline, "--run-dir", run_dir, *settings)
    while len(read_trials(run_dir / "search")) < 4 and driver.poll() is None:
        time.sleep(0.02)
    driver.kill()
    driver.communicate()
    before = read_trials(run_dir / "search")
    result = ep.resume(run_dir, progress=False)
    after = read_trials(result.directory / "search")
    assert len(before) >= 4 and after[: len(before)] == before
    assert len({tuple(one.widths.values()) for one in after}) == len(after) == 10


def test_settings_that_cannot_be(tiny_pipeline: Path, tmp_path: Path) -> None:
    for setting, told in (
        ("execution.accuracy_workers=0", "at least 1"),
        ("execution.accuracy_workers=3", "engine local scores in the run's own process"),
        ("execution.address=somewhere", "allowed: auto, host:port or ray://host:port"),
        ("execution.outstanding=0", "at least 1"),
    ):
        with pytest.raises(ConfigError, match=told):
            ep.run(tiny_pipeline, run_dir=tmp_path / "run", overrides=[setting], progress=False)
    with pytest.raises(ConfigError, match=r"gpus_per_worker is 0, but train_on is cuda"):
        ep.run(
            tiny_pipeline,
            run_dir=tmp_path / "run",
            overrides=[*RAY, "train_on=cuda"],
            progress=False,
        )


@pytest.mark.usefixtures("cluster")
def test_gpus_where_none_are(tiny_pipeline: Path, tmp_path: Path) -> None:
    settings = [*RAY, "execution.gpus_per_worker=0.5"]
    with pytest.raises(ExecutionError, match=r"gpus_per_worker is 0\.5, but .* has no GPU"):
        ep.run(tiny_pipeline, run_dir=tmp_path / "run", overrides=settings, progress=False)
    assert not (tmp_path / "run").exists()

"""Races whose contenders are trained side by side by workers of a real Ray."""

import os
import signal
import threading
import time
from pathlib import Path

import pytest

import edgeprune as ep
from edgeprune.errors import InterruptedRun
from edgeprune.execution import spread
from edgeprune.pipeline.progress import Listener
from tests.execution.test_ray_run import SHORT, workers

#: Three rungs, at the last of which contenders are trained for two epochs.
#: So few steps that no arithmetic is chosen by a stopwatch.
RACE = (*SHORT, "search.trials=4", "finetune.epochs=4", "finetune.batch_size=128")
RAY = (*RACE, "execution.engine=ray", "execution.accuracy_workers=2", "execution.outstanding=1")


def _heats(result: ep.RunResult) -> list[tuple[object, ...]]:
    race = result.manifest["race"]
    kinds = ("name", "widths", "reward_accuracy", "epochs", "dropped_after")
    return [tuple(one[kind] for kind in kinds) for one in race]


@pytest.mark.usefixtures("cluster")
def test_a_race_on_workers_that_die_of_a_driver_that_ends_is_the_race_of_one_process(
    tiny_pipeline: Path, tmp_path: Path
) -> None:
    alone = ep.run(tiny_pipeline, run_dir=tmp_path / "alone", overrides=RACE, progress=False)
    told: list[tuple[str, int]] = []

    def on_epoch(name: str, epoch: int, loss: float) -> None:
        told.append((name, epoch))
        if len(told) == 2 and (found := workers()):
            os.kill(found[0], signal.SIGKILL)
        if len(told) == 8:
            raise KeyboardInterrupt

    with pytest.raises(InterruptedRun):
        ep.run(
            tiny_pipeline,
            run_dir=tmp_path / "spread",
            overrides=RAY,
            progress=False,
            listener=Listener(on_epoch=on_epoch),
        )
    result = ep.resume(tmp_path / "spread", progress=False)
    assert "a worker was lost" in (result.directory / "log.txt").read_text()
    assert len(set(told)) == len(told) == 8
    assert _heats(result) == _heats(alone)
    for file in ("model.onnx", "plan.json"):
        assert (result.directory / file).read_bytes() == (alone.directory / file).read_bytes()


def test_results_are_in_the_order_of_the_items_however_long_they_take() -> None:
    together = threading.Barrier(3)

    def work(number: int) -> int:
        if number < 3:
            together.wait(20)  # three are at it at once
        time.sleep(0.05 * (3 - number % 4))
        return 10 * number

    assert spread(work, range(8), 3) == [10 * number for number in range(8)]
    assert spread(work, [5], 3) == [50] and spread(work, [], 3) == []


def test_nothing_is_begun_after_an_error() -> None:
    begun: list[int] = []

    def work(number: int) -> None:
        begun.append(number)
        if number == 1:
            msg = "the first to fail"
            raise ValueError(msg)
        time.sleep(0.3)

    with pytest.raises(ValueError, match="the first to fail"):
        spread(work, range(20), 2)
    time.sleep(0.5)
    assert len(begun) <= 3

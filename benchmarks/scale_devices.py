"""Trials a minute with sleeping devices and sleeping workers: no benchmark itself.

Everything of the driver is real: sampler, journal, threads, turns, the making of every candidate's
file, and a crew of Ray's workers. What takes the time on real boards sleeps instead.
"""

import itertools
import random
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from scale_queue import Run
from task import Task

from edgeprune.devices import Comparison, LayerTime
from edgeprune.evaluation import Evaluator, Scored, Turns
from edgeprune.execution import Cluster, Crew
from edgeprune.search import make_sampler, run_search
from edgeprune.testing.samplers import accuracy_reward

#: How much longer or shorter one measurement takes than another.
_SPREAD = 0.1


class SleepingWorker:
    """What workers hold: scores after a while."""

    def score(self, seconds: float, seed: int, metric: str) -> Scored:
        """Sleep, and give any accuracy."""
        time.sleep(seconds)
        return Scored({metric: random.Random(seed).random()}, {"accuracy": seconds})


class SleepingDevice:
    """Measures as the simulated target does, after a while."""

    def __init__(self, task: Task, seconds: float) -> None:
        self._device, self._seconds = task.session.device, seconds
        self._random, self._lock = random.Random(0), threading.Lock()
        self._known: Comparison | None = None

    def compare(self, candidate: bytes, baseline: bytes) -> Comparison:
        """Sleep; the number itself is of the first candidate, so that none is computed."""
        with self._lock:
            if self._known is None:
                self._known = self._device.compare(candidate, baseline)
            factor = self._random.uniform(1 - _SPREAD, 1 + _SPREAD)
        time.sleep(self._seconds * factor)
        return self._known

    def profile(self, model: bytes) -> list[LayerTime]:
        """Nothing."""
        return []

    def conditions(self) -> dict[str, Any]:
        """Those of the simulated one."""
        return self._device.conditions()

    def close(self) -> None:
        """Nothing to let go of."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


@dataclass(frozen=True)
class Pace:
    """How fast a run was.

    Attributes:
        per_minute: trials, without those that filled and emptied the pipeline.
        efficiency: as a share of what the devices alone allow.
        predicted: trials a minute by `scale_queue`.
    """

    per_minute: float
    efficiency: float
    predicted: float


def pace(
    task: Task, cluster: Cluster, devices: int, seconds: float, rounds: int, driver_s: float
) -> Pace:
    """Run a search on so many devices, with as many workers that take half as long.

    Args:
        task: whose candidates are made.
        cluster: a Ray.
        devices: how many.
        seconds: of one measurement.
        rounds: trials of each device.
        driver_s: of one trial, for the prediction.
    """
    outstanding, trials = 2 * devices, rounds * devices
    with Crew(cluster, SleepingWorker(), devices) as crew:
        numbers = itertools.count()
        evaluate = _evaluator(task, devices, seconds, lambda: next(numbers), crew)
        ends: list[float] = []
        problem = task.problem()
        with tempfile.TemporaryDirectory() as folder:
            run_search(
                *(problem, make_sampler("knapsack", problem, 0, trials, {}), evaluate),
                accuracy_reward,
                trials=trials,
                directory=Path(folder),
                outstanding=outstanding,
                on_trial=lambda trial: ends.append(time.perf_counter()),
            )
    # Without the first round, and the last, in which devices wait for no more candidates.
    first, last = devices - 1, trials - devices - 1
    rate = (last - first) / (ends[last] - ends[first])
    run = Run(driver_s, seconds / 2, seconds, devices, devices, outstanding)
    return Pace(60 * rate, rate * seconds / devices, run.trials_per_minute)


def _evaluator(
    task: Task, devices: int, seconds: float, number: Callable[[], int], crew: Crew
) -> Evaluator:
    session = task.session
    metric = session.workload.task.score.name
    return Evaluator(
        plan=session.plan,
        space=session.space,
        template=session.template,
        recovery=session.recovery,
        split=session.workload.splits.reward,
        device=SleepingDevice(task, seconds),
        remote=True,
        turns=Turns(local=False, devices=devices),
        elsewhere=lambda plan: crew.work("score", seconds / 2, number(), metric),
    )

"""How far a run goes with more workers and more boards.

    python benchmarks/scale.py [--quick] [--json] [--part NAME ...] [--seeds N] [--keep DIR]

Parts:

- ``study``: milliseconds of the driver's processor for a trial (proposing, learning, journal,
  snapshot), with 1,000 and 10,000 trials in the study, evaluations that take no time, 8
  outstanding; ``wall`` by the clock, which other programs on the machine lengthen;
- ``devices``: trials a minute with 1 to 16 devices that sleep 0.2, 1 or 5 s a measurement, and as
  many of Ray's workers that sleep half as long; ``efficiency`` is the share of what the devices
  alone would do, without the first and the last round. ``predicted`` is by `scale_queue`;
- ``samplers``: the best reward within the budget after 80 trials on the fitted accuracies of
  `surrogate.py`, with 1 and with 8 outstanding proposals that are answered in random order; the
  loss in points, and its standard error over seeds;
- ``kills``: 100 SIGKILLs of workers, devices and the driver during a search of 500 trials.
"""

import argparse
import json
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from scale_devices import pace
from scale_kills import kill
from scale_queue import laptop_to_cluster
from scale_samplers import losses
from scale_study import driver_ms
from surrogate import surrogate_evaluator
from task import Task, open_task

from edgeprune.execution import open_cluster

#: Of `knapsack`, the default, unless the figure's name has another.
_STUDIED = ("knapsack", "random", "amc")
_SECONDS = (0.2, 1.0, 5.0)
_DEVICES = (1, 2, 4, 8, 16)
#: Of the driver for a trial of ResNet-20, where no part has measured it.
_DRIVER_MS = 20.0

Figures = dict[str, float]


def study(task: Task, options: argparse.Namespace) -> Figures:
    figures: Figures = {}
    sizes = (20, 40) if options.quick else (1000, 10_000)
    for sampler in _STUDIED:
        name = "" if sampler == "knapsack" else f"_{sampler}"
        for size, told in zip(sizes, (1000, 10_000), strict=True):
            trials = 10 if options.quick else 100
            cpu, wall = driver_ms(task.problem, sampler, size, trials, 8)
            figures[f"driver_ms_per_trial_{told}{name}"] = cpu
            figures[f"driver_wall_ms_per_trial_{told}{name}"] = wall
    return figures


def devices(task: Task, options: argparse.Namespace) -> Figures:
    figures: Figures = {}
    driver_s = options.driver_ms / 1000
    arms = [(0.2, 2)] if options.quick else [(s, n) for s in _SECONDS for n in _DEVICES]
    with open_cluster("auto", max(number for _, number in arms)) as cluster:
        for seconds, number in arms:
            rounds = 4 if options.quick else max(6, round(30 / (seconds * number)))
            found = pace(task, cluster, number, seconds, rounds, driver_s)
            name = f"{number}_devices_{seconds:g}s"
            figures[f"efficiency_{name}"] = found.efficiency
            figures[f"per_minute_{name}"] = found.per_minute
            figures[f"predicted_{name}"] = found.predicted
    told = "efficiency_16_devices_1s"
    if told in figures:
        figures["efficiency_16_devices"] = figures[told]
    for step, run in laptop_to_cluster(driver_s).items():
        figures[f"model_per_minute_{step}"] = run.trials_per_minute
    return figures


def samplers(task: Task, options: argparse.Namespace) -> Figures:
    seeds, trials = (2, 12) if options.quick else (options.seeds, 80)
    return losses(task, surrogate_evaluator(task, "resnet20"), seeds, trials, options.keep)


def kills(options: argparse.Namespace) -> Figures:
    trials, count = (30, 4) if options.quick else (500, 100)
    with open_cluster("auto", 8) as cluster:
        address = str(cluster.ray.get_runtime_context().gcs_address)
        ending = kill(address, trials, count, 0)
    return {
        "lost_trials": ending.lost,
        "double_trials": ending.double,
        "killed_set_aside": ending.set_aside,
        "killed_seconds": ending.seconds,
        "kills": ending.kills.total(),
        **{f"kills_{victim}": number for victim, number in ending.kills.items()},
    }


OF_A_TASK: dict[str, Callable[[Task, argparse.Namespace], Figures]] = {
    "study": study,
    "devices": devices,
    "samplers": samplers,
}
PARTS = (*OF_A_TASK, "kills")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a few seconds of each part")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--part", action="append", choices=PARTS, help="of these alone")
    parser.add_argument("--seeds", type=int, default=5, help="of the samplers")
    parser.add_argument("--keep", type=Path, help="folder of finished searches, taken up again")
    parser.add_argument("--driver-ms", type=float, default=_DRIVER_MS, help="for the prediction")
    options = parser.parse_args()
    figures: Figures = {}
    parts = options.part or list(PARTS)
    if "kills" in parts:
        figures |= kills(options)
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        if set(parts) & set(OF_A_TASK):
            opened = open_task("resnet20", budget=0.5, images=400, folder=Path(folder))
            task = stack.enter_context(opened)
        for name, part in OF_A_TASK.items():
            if name in parts:
                figures |= part(task, options)
            if name == "study" and name in parts and not options.quick:
                options.driver_ms = figures["driver_ms_per_trial_1000"]
    rounded = {name: round(value, 4) for name, value in figures.items()}
    if options.json:
        print(json.dumps({"benchmark": "scale", "figures": rounded}, indent=2))
        return
    for name, value in rounded.items():
        print(f"{name:<44} {value}")


if __name__ == "__main__":
    main()

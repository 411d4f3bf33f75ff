"""The main job, measured: the demo on digits, and ResNet-20 on CIFAR-10 over three seeds.

    python benchmarks/main_job.py [--quick] [--json]

The digits part runs ``examples/digits.yaml`` as ``make demo`` does. The CIFAR-10 part runs
``examples/cifar10-resnet20.yaml`` once per seed; it needs the shared data (``EDGEPRUNE_SHARED``)
and is left out by ``--quick``. All contenders of a run get the same fine-tuning.
"""

import argparse
import json
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

from task import ROOT, SHARED, reward_list

import edgeprune as ep
from edgeprune.search import read_trials

EXAMPLES = ROOT / "examples"
#: A trial needs no more to be told apart.
REWARD_IMAGES_OF_EACH_CLASS = 200
SEEDS = (0, 1, 2)


def _accuracy(record: dict[str, Any]) -> float:
    return float(record["verification"]["accuracy"])


def _seconds(directory: Path) -> dict[str, float]:
    trials = read_trials(directory / "search")
    return {
        step: statistics.median(trial.seconds[step] for trial in trials)
        for step in trials[0].seconds
    }


def digits(folder: Path) -> dict[str, float]:
    """The demo: latency ratio, accuracy lost (points), wall seconds, seconds per trial."""
    start = time.perf_counter()
    result = ep.run(EXAMPLES / "digits.yaml", run_dir=folder / "digits")
    seconds = time.perf_counter() - start
    manifest = result.manifest
    steps = _seconds(result.directory)
    return {
        "digits_latency_ratio": manifest["result"]["ratio"],
        "digits_accuracy_drop": 100 * (_accuracy(manifest["base"]) - _accuracy(manifest["result"])),
        "demo_seconds": seconds,
        "seconds_per_trial": sum(steps.values()),
        **{f"seconds_{step}": value for step, value in steps.items()},
    }


def cifar(folder: Path, seeds: tuple[int, ...], overrides: list[str]) -> dict[str, float]:
    """ResNet-20 at 0.6x: median and range of each contender's test accuracy over seeds."""
    images = reward_list(folder, REWARD_IMAGES_OF_EACH_CLASS)
    overrides = [f"workload.data.reward_list={images}", *overrides]
    runs = [
        ep.run(
            EXAMPLES / "cifar10-resnet20.yaml",
            run_dir=folder / f"cifar-{seed}",
            seed=seed,
            overrides=overrides,
        ).manifest
        for seed in seeds
    ]
    figures: dict[str, float] = {"cifar_resnet20_base": 100 * _accuracy(runs[0]["base"])}
    columns = {
        "result": [100 * _accuracy(run["result"]) for run in runs],
        "uniform": [100 * _accuracy(run["baselines"]["uniform"]) for run in runs],
        "random": [100 * _accuracy(run["baselines"]["random"]) for run in runs],
    }
    for name, values in columns.items():
        figures[f"cifar_resnet20_{name}"] = statistics.median(values)
        figures[f"cifar_resnet20_{name}_min"] = min(values)
        figures[f"cifar_resnet20_{name}_max"] = max(values)
    for rival in ("uniform", "random"):
        gains = [a - b for a, b in zip(columns["result"], columns[rival], strict=True)]
        figures[f"cifar_resnet20_gain_over_{rival}"] = statistics.median(gains)
        figures[f"cifar_resnet20_gain_over_{rival}_min"] = min(gains)
    figures["cifar_resnet20_latency_ratio"] = statistics.median(
        run["result"]["ratio"] for run in runs
    )
    figures["cifar_resnet20_seconds_per_trial"] = sum(_seconds(folder / "cifar-0").values())
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="digits only")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--keep", type=Path, help="keep the run directories here")
    parser.add_argument("--only", choices=("digits", "cifar"), help="one of the two parts")
    parser.add_argument("--set", action="append", default=[], help="override for the CIFAR runs")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.keep or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        figures: dict[str, float] = {}
        if options.only != "cifar":
            figures |= digits(folder)
        if not options.quick and options.only != "digits":
            if SHARED.is_dir():
                figures |= cifar(folder, SEEDS, options.set)
            else:
                print(f"CIFAR-10 part left out: {SHARED} is not there")
    figures = {name: round(value, 4) for name, value in figures.items()}
    if options.json:
        print(json.dumps({"benchmark": "main_job", "figures": figures}, indent=2))
    else:
        for name, value in figures.items():
            print(f"{name:40} {value}")


if __name__ == "__main__":
    main()

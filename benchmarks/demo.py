"""What `make demo` shows: its time, and the result beside uniform-L1 and random search.

    python benchmarks/demo.py [--seeds 3] [--json] [--quick]

Runs ``examples/digit-pairs.yaml`` as ``make demo`` does, once for each seed, with a history of
its own.
"""

import argparse
import json
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

from task import ROOT

import edgeprune as ep
from edgeprune.search import read_trials

EXAMPLE = ROOT / "examples" / "digit-pairs.yaml"


def _points(record: dict[str, Any]) -> float:
    return 100 * float(record["verification"]["accuracy"])


def demo(folder: Path, seed: int, overrides: list[str]) -> dict[str, float]:
    """One run: accuracies in points, latency ratio, seconds."""
    start = time.perf_counter()
    history = f"history={folder / 'history.db'}"
    run = ep.run(EXAMPLE, run_dir=folder / "run", seed=seed, overrides=[history, *overrides])
    seconds = time.perf_counter() - start
    manifest = run.manifest
    baselines = {name: _points(one) for name, one in manifest["baselines"].items()}
    result = _points(manifest["result"])
    trials = read_trials(run.directory / "search")
    return {
        "demo_seconds": seconds,
        "demo_base": _points(manifest["base"]),
        "demo_result": result,
        "demo_latency_ratio": manifest["result"]["ratio"],
        **{f"demo_{name}": points for name, points in baselines.items()},
        **{f"demo_gain_over_{name}": result - points for name, points in baselines.items()},
        "demo_seconds_per_trial": statistics.median(sum(one.seconds.values()) for one in trials),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--quick", action="store_true", help="few trials and epochs")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--set", action="append", default=[], help="more overrides")
    options = parser.parse_args()
    quick = ["search.trials=6", "finetune.epochs=1", "workload.train.epochs=2"]
    overrides = [*(quick if options.quick else ()), *options.set]
    runs = []
    for seed in range(options.seeds):
        with tempfile.TemporaryDirectory() as folder:
            runs.append(demo(Path(folder), seed, overrides))
    figures = {}
    for name in runs[0]:
        values = [run[name] for run in runs]
        figures[name] = round(statistics.median(values), 4)
        if len(values) > 1:
            figures |= {f"{name}_min": round(min(values), 4), f"{name}_max": round(max(values), 4)}
    if options.json:
        print(json.dumps({"benchmark": "demo", "figures": figures}, indent=2))
    else:
        for name, value in figures.items():
            print(f"{name:40} {value}")


if __name__ == "__main__":
    main()

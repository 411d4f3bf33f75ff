"""What it is worth to know in which steps of channels a device works: digits at half the latency.

    python benchmarks/multiple.py [--quick] [--json] [--seeds N]

The same search twice on `local`: with every width allowed, and with the multiples that a probe of
the device has learned. `multiple_gain` is the median over seeds of the difference in test
accuracy, in points, at the same measured budget; the files' latency ratios stand beside it.
"""

import argparse
import json
import os
import statistics
import tempfile
from pathlib import Path

from task import ROOT

import edgeprune as ep
from edgeprune.cli.probing import probe_target
from edgeprune.config import load_target


def compare(folder: Path, seed: int, overrides: list[str]) -> dict[str, float]:
    """One seed: test accuracy and latency ratio of both."""
    found = {}
    for name, multiple in (("one", ["prune.channel_multiple=1"]), ("learned", [])):
        manifest = ep.run(
            ROOT / "examples" / "digits.yaml",
            run_dir=folder / f"{name}-{seed}",
            seed=seed,
            overrides=[*overrides, *multiple],
        ).manifest
        found[f"accuracy_{name}"] = 100 * manifest["result"]["verification"]["accuracy"]
        found[f"ratio_{name}"] = manifest["result"]["ratio"]
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one seed, 10 trials, 2 epochs")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--seeds", type=int, default=3)
    options = parser.parse_args()
    overrides = ["search.trials=10", "finetune.epochs=2"] if options.quick else []
    seeds = range(1 if options.quick else options.seeds)
    with tempfile.TemporaryDirectory() as name:
        # A history of its own: what other runs have measured must not decide.
        os.environ["EDGEPRUNE_HISTORY"] = str(Path(name, "history.db"))
        probe_target(load_target("local"), None, None)
        runs = [compare(Path(name), seed, overrides) for seed in seeds]
    gains = [run["accuracy_learned"] - run["accuracy_one"] for run in runs]
    figures = {
        "multiple_gain": statistics.median(gains),
        "multiple_gain_lowest": min(gains),
        "multiple_gain_highest": max(gains),
        **{key: statistics.median(run[key] for run in runs) for key in runs[0]},
    }
    figures = {key: round(value, 4) for key, value in figures.items()}
    if options.json:
        print(json.dumps({"benchmark": "multiple", "figures": figures}, indent=2))
    else:
        for key, value in figures.items():
            print(f"{key:30} {value}")


if __name__ == "__main__":
    main()

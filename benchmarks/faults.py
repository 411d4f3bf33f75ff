"""What a run survives: searches on a device that fails 20 % of the time.

    python benchmarks/faults.py [--quick] [--json]

``flaky_trials_lost`` is, of 1,000 trials, how many did not complete, were there twice, or have
another latency than an undisturbed device gives; once with retries, which mend nearly all
failures, and once without, where every failed measurement sets its candidate aside.
"""

import argparse
import json
import tempfile
import time
from pathlib import Path

from edgeprune.testing.flaky import flaky_search, lost

FAILING = 0.2


def flaky(trials: int) -> dict[str, float]:
    """Figures of searches on a flaky device."""
    figures: dict[str, float] = {"flaky_trials_tried": 2 * trials, "flaky_trials_lost": 0}
    for name, retries in (("retried", 3), ("unretried", 0)):
        with tempfile.TemporaryDirectory() as folder:
            start = time.perf_counter()
            found, device = flaky_search(Path(folder), trials, FAILING, retries=retries)
            figures["flaky_trials_lost"] += lost(Path(folder), found, trials)
            figures[f"flaky_failures_{name}"] = device.failures
            figures[f"flaky_set_aside_{name}"] = len(found.set_aside)
            figures[f"flaky_seconds_{name}"] = round(time.perf_counter() - start, 1)
    return figures


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="100 trials instead of 1,000")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args()
    figures = flaky(100 if options.quick else 1000)
    if options.json:
        print(json.dumps({"benchmark": "faults", "figures": figures}, indent=2))
        return
    for name, value in figures.items():
        print(f"{name:<28} {value}")


if __name__ == "__main__":
    main()

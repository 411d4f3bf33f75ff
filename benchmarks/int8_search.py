"""What a search of int8 files finds for the milliseconds that a float32 search was handed.

    python benchmarks/int8_search.py --keep DIR [--seeds N] [--trials N] [--json]

ResNet-20 on handwritten digits, on this machine: float32 at `--budget` of its base's latency, then
int8 within the milliseconds that came of it. The accuracy is that of the written file, on 359 test
images. Runs are kept in a folder, with a history for each seed, and an interrupted one goes on.
`predicted` is the median relative error of the latencies foretold in the int8 search.
"""

import argparse
import json
from pathlib import Path
from statistics import median
from typing import Any

from edgeprune import run
from edgeprune.search import read_trials

_PIPELINE = Path(__file__).parents[1] / "examples" / "digits.yaml"


def _searched(directory: Path, settings: list[str]) -> dict[str, Any]:
    return dict(run(_PIPELINE, run_dir=directory, overrides=settings).manifest)


def _milliseconds(manifest: dict[str, Any]) -> float:
    result = manifest["result"]
    return float(result["ratio"] * result["baseline"]["level_ms"])


def _accuracy(record: dict[str, Any]) -> float:
    """Of a written file, in percent."""
    return 100 * float(record["verification"]["accuracy"])


def _foretold_error(directory: Path) -> float:
    outcomes = [trial.outcome for trial in read_trials(directory / "search")]
    return median(abs(one.details["predicted_ratio"] / one.latency_ratio - 1) for one in outcomes)


def compare(keep: Path, seed: int, trials: int, budget: float) -> dict[str, float]:
    """Both searches with one seed."""
    common = [f"search.trials={trials}", f"search.seed={seed}", f"workload.data.seed={seed}"]
    # Kernels are kept in a history; each seed learns its own.
    common += ["target=local", f"history={keep / f'history_{seed}.db'}"]
    plain = _searched(keep / f"float32_{seed}", [*common, f"budget.latency={budget}x"])
    limit = _milliseconds(plain)
    in_int8 = ["search.precision=int8", "export.precision=[float32,int8]"]
    in_int8 += ["export.accuracy_drop=100", "budget.latency=null", f"budget.latency_ms={limit:.4f}"]
    integer = _searched(keep / f"int8_{seed}", [*common, *in_int8])
    file = next(one for one in integer["artifacts"] if one["precision"] == "int8")
    return {
        "base": _accuracy(plain["base"]),
        "float32": _accuracy(plain["result"]),
        "float32_ms": limit,
        "int8": _accuracy(file),
        "int8_ms": _milliseconds(integer),
        "int8_random": _accuracy(integer["baselines"]["random"]),
        "int8_filled": _accuracy(integer["baselines"]["filled"]),
        "int8_uniform_ratio": integer["baselines"]["uniform"]["ratio"],
        "predicted": _foretold_error(keep / f"int8_{seed}"),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--keep", type=Path, required=True, help="folder of the runs")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--trials", type=int, default=30)
    parser.add_argument("--budget", type=float, default=0.2, help="of float32, as a ratio")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args()
    rows = [
        compare(options.keep, seed, options.trials, options.budget) for seed in range(options.seeds)
    ]
    figures = {"int8_search_gain": median(row["int8"] - row["float32"] for row in rows)}
    if options.json:
        print(json.dumps({"benchmark": "int8_search", "figures": figures, "rows": rows}, indent=2))
        return
    for seed, row in enumerate(rows):
        print(seed, "  ".join(f"{name} {value:.3f}" for name, value in row.items()))
    print(f"int8_search_gain {figures['int8_search_gain']:+.2f} points")


if __name__ == "__main__":
    main()

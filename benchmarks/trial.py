"""What a trial costs beside scoring and timing: ResNet-56 on CIFAR-10, 2,000 reward images.

python benchmarks/trial.py [--quick] [--json]

Overhead is all but the forward passes over the reward split and the device's timed runs: the
proposal with the agent's learning, plan and ONNX bytes, least squares, batch-norm re-estimation.
Needs the shared data (``EDGEPRUNE_SHARED``).
"""

import argparse
import json
import statistics
import tempfile
from pathlib import Path

from task import ROOT, SHARED, reward_list

from edgeprune.config import dump_pipeline, load_pipeline
from edgeprune.pipeline.progress import Reporter
from edgeprune.pipeline.run_directory import RunDirectory
from edgeprune.pipeline.session import open_session
from edgeprune.pipeline.stages.probe import probe
from edgeprune.pipeline.stages.search import search

OVERHEAD = ("propose", "candidate", "recover")


def measure(folder: Path, trials: int) -> dict[str, float]:
    """Median seconds of every step of a trial, and the share of the overhead."""
    config = load_pipeline(
        ROOT / "examples" / "cifar10-resnet20.yaml",
        [
            "workload.model.name=resnet56",
            f"workload.model.weights={SHARED / 'checkpoints' / 'cifar10-jpeg-resnet56.pt'}",
            f"workload.data.reward_list={reward_list(folder, 200)}",
            f"search.trials={trials}",
            # Half of them learn, so that the agent's gradient steps are counted.
            f"search.options.warmup={trials // 2}",
        ],
    )
    directory = RunDirectory(folder / "run")
    directory.create(dump_pipeline(config))
    with (
        Reporter(directory.path / "log.txt") as reporter,
        open_session(config, directory, reporter) as session,
    ):
        found = search(session, probe(session), "search", "amc")
    # The first trial gathers statistics once for all; what comes after the warm-up is the rule.
    late = found.trials[trials // 2 + 1 :]
    seconds = {
        step: statistics.median(trial.seconds[step] for trial in late) for step in late[0].seconds
    }
    overhead = sum(seconds[step] for step in OVERHEAD)
    return {
        "trial_overhead_share_resnet56": overhead / sum(seconds.values()),
        "first_trial_seconds_resnet56": sum(found.trials[0].seconds.values()),
        **{f"trial_seconds_{step}_resnet56": value for step, value in seconds.items()},
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="6 trials instead of 20")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args()
    if not SHARED.is_dir():
        parser.error(f"{SHARED} is not there; set EDGEPRUNE_SHARED")
    with tempfile.TemporaryDirectory() as folder:
        figures = measure(Path(folder), 6 if options.quick else 20)
    figures = {name: round(value, 4) for name, value in figures.items()}
    if options.json:
        print(json.dumps({"benchmark": "trial", "figures": figures}, indent=2))
    else:
        for name, value in figures.items():
            print(f"{name:40} {value}")


if __name__ == "__main__":
    main()

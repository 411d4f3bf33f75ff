"""Searching on the runtime that ships: TFLite candidates, and whole pipelines on a target.

    python benchmarks/runtimes.py [--candidates] [--pipeline] [--model NAME] [--quick]
                                  [--target local-tflite] [--set KEY=VALUE ...] [--keep DIR]
                                  [--json]

``--candidates``: from a plan to the TFLite bytes that a device is sent, for several networks, in
one thread's CPU time, and how far the outputs are from torch's, removed blocks among the plans.
``--pipeline``: one run of ``examples/digits.yaml`` on a target: the result beside the base,
candidates' milliseconds, trials a minute, and every trial's predicted latency against what was
measured. Without either, both.
"""

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import torch

from edgeprune import run
from edgeprune.config import ModelConfig
from edgeprune.devices.tvm import artifact, tuning
from edgeprune.export.tflite_slicing import open_slicer
from edgeprune.latency import random_widths
from edgeprune.pruning import ChannelSpace
from edgeprune.quantization.tflite_running import TfliteFile
from edgeprune.search import read_trials
from edgeprune.workloads import build_model

ROOT = Path(__file__).parent.parent
MODELS = {"mobilenet_v2": 224, "resnet18": 224, "resnet20": 32, "mobilenet_v1": 32}
_QUICK = ("resnet20",)


def candidates(name: str, size: int, rounds: int) -> dict[str, float]:
    """Milliseconds of a TFLite candidate, and the largest difference to torch."""
    torch.manual_seed(0)
    model = _with_statistics(build_model(ModelConfig(name=name)))
    images = torch.randn(2, 3, size, size)
    start = time.perf_counter()
    space = ChannelSpace.from_model(model, images[:1])
    opened = time.perf_counter()
    slicer = open_slicer(model, space, images)
    opening = time.perf_counter() - opened
    generator = np.random.default_rng(0)
    branches = [one.groups for one in space.branches]
    taken, differences = [], []
    for _ in range(rounds):
        widths = random_widths(space.choices, generator, branches)
        plan = space.plan(space.snap(widths))
        start = time.thread_time()
        content = slicer.slice(space.template.candidate(plan.cut(model.state_dict())))
        taken.append(time.thread_time() - start)
        with torch.inference_mode():
            expected = plan.apply(model).eval()(images).numpy()
        found = TfliteFile(content)(images.numpy())[0]
        differences.append(float(np.abs(found - expected).max() / np.abs(expected).max()))
    return {
        f"tflite_candidate_ms_{name}": 1e3 * statistics.median(taken),
        f"tflite_candidate_ms_{name}_max": 1e3 * max(taken),
        f"tflite_candidate_difference_{name}": max(differences),
        f"tflite_open_s_{name}": opening,
    }


def pipeline(overrides: list[str], keep: Path) -> dict[str, float]:
    """One run on digits, as a user starts it."""
    start = time.perf_counter()
    with _tuning_seconds() as spent:
        result = run(ROOT / "examples" / "digits.yaml", run_dir=keep, overrides=overrides)
    minutes = (time.perf_counter() - start) / 60
    trials = [one for name in ("search", "random") for one in read_trials(keep / name)]
    seconds = [sum(one.outcome.details["seconds"].values()) for one in trials]
    made = [one.outcome.details["seconds"]["candidate"] for one in trials]
    errors = [
        abs(one.outcome.details["predicted_ratio"] / one.outcome.latency_ratio - 1)
        for one in trials
        if one.outcome.details.get("predicted_ratio") and not one.outcome.details["reused"]
    ]
    kind = result.manifest["target"]["runtime"]
    found: dict[str, Any] = result.manifest["result"]
    base: dict[str, Any] = result.manifest["base"]
    uniform = result.manifest["baselines"]["uniform"]
    accuracies = {
        one: entry["verification"]["accuracy"]
        for one, entry in (("base", base), ("result", found), ("uniform", uniform))
    }
    return {
        f"{kind}_pipeline_minutes": minutes,
        **({f"{kind}_tuning_minutes": sum(spent) / 60} if kind == "tvm" else {}),
        f"{kind}_pipeline_ratio": found["ratio"],
        f"{kind}_pipeline_candidate_ms": 1e3 * statistics.median(made),
        f"{kind}_pipeline_trials_a_minute": 60 / statistics.mean(seconds),
        **({f"{kind}_predicted_mean_error": statistics.mean(errors)} if errors else {}),
        **({f"{kind}_predicted_worst_error": max(errors)} if errors else {}),
        **{f"{kind}_pipeline_accuracy_{one}": value for one, value in accuracies.items()},
    }


@contextmanager
def _tuning_seconds() -> Iterator[list[float]]:
    """What TVM spends on tuning inside, call by call."""
    spent: list[float] = []

    def timed(*arguments: Any, **more: Any) -> Any:
        start = time.perf_counter()
        try:
            return tuning.tune(*arguments, **more)
        finally:
            spent.append(time.perf_counter() - start)

    with patch.object(artifact, "tune", timed):
        yield spent


def _with_statistics(model: torch.nn.Module) -> torch.nn.Module:
    """Batch norms that do something, as trained ones do."""
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            assert module.running_var is not None and module.running_mean is not None
            module.running_var.uniform_(0.5, 1.5)
            module.running_mean.uniform_(-0.2, 0.2)
    return model.eval()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--candidates", action="store_true", help="only candidates")
    parser.add_argument("--pipeline", action="store_true", help="only the pipeline")
    parser.add_argument("--model", action="append", choices=MODELS, help="of the candidates")
    parser.add_argument("--target", default="local-tflite", help="a profile")
    parser.add_argument("--set", action="append", default=[], help="overrides of the pipeline")
    parser.add_argument("--keep", type=Path, help="the run directory; a run there is resumed")
    parser.add_argument("--quick", action="store_true", help="a small part of everything")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args()
    torch.set_num_threads(1)
    both = options.candidates == options.pipeline
    figures: dict[str, float] = {}
    if both or options.candidates:
        wanted = options.model or (_QUICK if options.quick else MODELS)
        for name in wanted:
            size = MODELS[name]
            figures |= candidates(name, size, 3 if options.quick else 9)
    if both or options.pipeline:
        small = ["search.trials=4", "workload.train.epochs=2", "finetune.epochs=1"]
        overrides = [f"target={options.target}", *(small if options.quick else []), *options.set]
        with tempfile.TemporaryDirectory() as folder:
            figures |= pipeline(overrides, options.keep or Path(folder, "run"))
    figures = {name: float(f"{value:.4g}") for name, value in figures.items()}
    if options.json:
        print(json.dumps({"benchmark": "runtimes", "figures": figures}, indent=2))
    else:
        for name, value in figures.items():
            print(f"{name:45} {value}")


if __name__ == "__main__":
    main()

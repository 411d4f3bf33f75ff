"""TVM's tuned kernels beside ONNX Runtime, and what a second network has left to tune.

python benchmarks/tvm_kernels.py [--trials N] [--json]

ResNet-20 (CIFAR, 3x32x32), one thread, run by run in turns in one process. Not called as TVM is:
a script's folder comes first on Python's path.
"""

import argparse
import json
import statistics
import sys
import tempfile
import time
from pathlib import Path

import torch

from edgeprune.config import ModelConfig, TargetConfig
from edgeprune.config.runtimes import TvmConfig
from edgeprune.devices.tvm import (
    compile_library,
    compile_tuned,
    kernel_tasks,
    new_kernels,
    target_of,
    tune,
)
from edgeprune.devices.tvm.layers import tvm_layer_times
from edgeprune.devices.worker import onnx_runtime, tvm_runtime
from edgeprune.devices.worker.timing import time_pairs
from edgeprune.pruning import ChannelSpace
from edgeprune.workloads import build_model

_PAIRS = 300
_PROFILE_RUNS = 100


def network(name: str, share: float = 1.0) -> bytes:
    """The ONNX file of a CIFAR network, of which a share of the channels is kept."""
    model = build_model(ModelConfig(name=name))
    space = ChannelSpace.from_model(model, torch.randn(1, 3, 32, 32))
    plan = space.plan(space.scaled(share), scores=space.importance("l1"))
    return space.template.candidate(space.slice_state(plan))


def measure(folder: Path, trials: int) -> dict[str, float]:
    """Tune ResNet-20, time it against ONNX Runtime; count what other networks add."""
    target = target_of(TargetConfig(name="local", kind="local"))
    config = TvmConfig(trials_per_kernel=trials, strategy="replay-trace", cost_model="random")
    model = network("resnet20")
    start = time.perf_counter()
    report = tune(model, target, folder, config, progress=_tell)
    tuning_s = time.perf_counter() - start
    settings = {"threads": 1}
    tvm, ort = tvm_runtime.Runtime(settings), onnx_runtime.Runtime(settings)
    tuned, untuned = compile_tuned(model, target, folder)[0], compile_library(model, target)
    difference = abs(tvm.outputs(tuned)[0] - ort.outputs(model)[0]).max()
    runs = {"tvm": tvm.build(tuned), "ort": ort.build(model)}
    time_pairs(runs["tvm"], runs["ort"], 30, 60)
    samples = time_pairs(runs["tvm"], runs["ort"], _PAIRS, 60)
    tvm_ms, ort_ms = (
        statistics.median(samples[side]) / 1e6 for side in ("candidate_cpu", "baseline_cpu")
    )
    slow = time_pairs(tvm.build(untuned), runs["ort"], 20, 60)
    figures = {
        "tvm_tuned_over_ort_resnet20": tvm_ms / ort_ms,
        "tvm_tuned_ms_resnet20": tvm_ms,
        "tvm_untuned_ms_resnet20": statistics.median(slow["candidate_cpu"]) / 1e6,
        "ort_ms_resnet20": ort_ms,
        "tvm_difference_resnet20": float(difference),
        "tvm_kernel_sum_ms_resnet20": sum(
            one.ms for one in tvm_layer_times(model, tvm.profile(tuned, _PROFILE_RUNS, ""))
        ),
        "tvm_kernels_resnet20": report.kernels,
        "tvm_trials_per_kernel": trials,
        "tvm_tuning_s": tuning_s,
    }
    for key, other in (
        ("tvm_second_model", network("resnet32")),
        ("tvm_half_width_model", network("resnet20", 0.5)),
    ):
        figures[f"{key}_new_tasks"] = len(new_kernels(other, target, folder, config))
        figures[f"{key}_tasks"] = len(kernel_tasks(other, target))
    return figures


def _tell(done: int, kernels: int, name: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {done}/{kernels} {name}", file=sys.stderr, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=32, help="schedules tried for each kernel")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        figures = measure(Path(folder), options.trials)
    figures = {name: round(value, 7) for name, value in figures.items()}
    if options.json:
        print(json.dumps({"benchmark": "tvm", "figures": figures}, indent=2))
    else:
        for name, value in figures.items():
            print(f"{name:40} {value}")


if __name__ == "__main__":
    main()

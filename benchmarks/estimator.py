"""How far latencies predicted from kernels are off measured ones, on this machine.

    python benchmarks/estimator.py [--quick] [--json] [--multiple N] [--model NAME ...] [--repeat N]
                                   [--precision int8]

A probe profiles differently cut nets, some of their blocks removed, and fills a fresh kernel
table; ten further nets are measured whole and correct it; then random plans, none seen before, are
predicted and measured, as a run measures its finalists (loaded and timed at least twice), and none
of them is learned from. Random weights: latency does not depend
on them. `interval_coverage` is the share of measurements inside the predicted 95 % interval. Each
figure is the worst of the repetitions; the machine's load stands beside them.

With `--precision int8` all files are int8, as a search in int8 makes them; beside each figure
stands that of the estimate without kernels, fitted to the same measured nets.

    python benchmarks/estimator.py --drift [--repeat N] [--model NAME ...]

profiles and measures the same nets again and again, each time with a fresh worker: how much the
sum of the kernels' times moves between repetitions, as a ratio to the base's, how much the ratio
measured once, and how much the one that is measured as a finalist's.
"""

import argparse
import json
import os
import tempfile
import time
from pathlib import Path

import numpy as np
import torch

from edgeprune.config import ModelConfig, load_calibration, load_target
from edgeprune.devices import Comparison, compare_well, open_device
from edgeprune.latency import (
    PROFILES,
    KernelTable,
    LatencyEstimator,
    NetModel,
    PrunableNet,
    profile_kernels,
    random_widths,
    same_layers,
)
from edgeprune.pruning import ChannelSpace
from edgeprune.quantization import CalibrationImages, to_int8
from edgeprune.workloads import ArraySplit, build_model

SIZES = {
    "resnet20": 32, "resnet56": 32, "mobilenet_v2": 224, "resnet18": 224, "mobilenet_v1": 224,
    "efficientnet_b0": 224,
}  # fmt: skip
#: Whole nets measured for the correction.
MEASURED = 10
#: Nets of the drift experiment.
_DRIFTING = 6


class _Int8:
    """Makes int8 files with the ranges of one base, seen on noise."""

    def __init__(self, base: bytes, size: int) -> None:
        pixels = np.random.default_rng(0).integers(0, 256, (16, 3, size, size), np.uint8)
        recipe = load_calibration("default").model_copy(update={"images": 16})
        self._images = CalibrationImages(ArraySplit("noise", pixels, np.arange(16) % 4), recipe)
        self._folder = tempfile.TemporaryDirectory()
        self._ranges = Path(self._folder.name, "ranges.json")
        to_int8(base, self._images, ranges=self._ranges)

    def file(self, content: bytes) -> bytes:
        return to_int8(content, self._images, ranges=self._ranges)


class Cut:
    """A model whose random plans are made into files.

    Args:
        name: of the model.
        multiple: of all channels.
        precision: of the files.
    """

    def __init__(self, name: str, multiple: int, precision: str = "float32") -> None:
        torch.manual_seed(0)
        image = torch.randn(1, 3, SIZES[name], SIZES[name])
        model = build_model(ModelConfig(name=name))
        self.space = ChannelSpace.from_model(model, image, multiple=multiple, check=False)
        plain, called = self.space.template.base, None
        self._int8 = _Int8(plain, SIZES[name]) if precision == "int8" else None
        self.base = plain if self._int8 is None else self._int8.file(plain)
        if self._int8 is not None:
            called = {node: layer for layer, node in same_layers(plain, self.base).items()}
        self.net = PrunableNet(plain, self.space.layer_costs, self.space.full, called)
        self._scores = self.space.importance("l1")
        self._branches = [one.groups for one in self.space.branches]

    def file(self, widths: dict[str, int]) -> bytes:
        """The plan's ONNX file."""
        plan = self.space.plan(widths, scores=self._scores)
        content = self.space.template.candidate(self.space.slice_state(plan))
        return content if self._int8 is None else self._int8.file(content)

    def drawn(self, generator: np.random.Generator) -> dict[str, int]:
        """A random plan; in a third of them some blocks are removed."""
        return random_widths(self.space.choices, generator, self._branches)


def error_of(comparison: Comparison) -> float:
    """Standard deviation of a measured ratio, as a share of it."""
    low, high = comparison.ratio_interval
    return (high - low) / 2 / 1.96 / comparison.ratio


def measure(cut: Cut, profiles: int, plans: int, seed: int) -> dict[str, float]:
    """Relative errors of one model's estimates, with and without kernels; seconds of the probe."""
    space = cut.space
    # Probe, correction and plans draw their own numbers.
    probe, correct, draw = (np.random.default_rng([seed, part]) for part in (1, 2, 3))
    table = KernelTable()
    with open_device(load_target("local")) as device:
        start = time.perf_counter()
        cuts = [space.full, *(cut.drawn(probe) for _ in range(profiles))]
        profile_kernels(device, cut.net, cut.file, cuts, table)
        seconds = time.perf_counter() - start
        estimators = {
            "": LatencyEstimator(space.layer_costs_of, space.full, NetModel(cut.net, table)),
            "_without_kernels": LatencyEstimator(space.layer_costs_of, space.full),
        }
        for _ in range(MEASURED):
            widths = cut.drawn(correct)
            found = device.compare(cut.file(widths), cut.base)
            for estimator in estimators.values():
                estimator.observe(widths, found.ratio, error_of(found))
        errors: dict[str, list[float]] = {kind: [] for kind in estimators}
        inside, own = [], []
        for _ in range(plans):
            widths = cut.drawn(draw)
            found = compare_well(device, cut.file(widths), cut.base)
            own.append(error_of(found))
            low, high = estimators[""].interval(widths)
            inside.append(low <= found.ratio <= high)
            for kind, estimator in estimators.items():
                errors[kind].append(abs(estimator.ratio(widths) / found.ratio - 1))
    figures = {
        "estimator_probe_s": seconds,
        "interval_misses": 1 - float(np.mean(inside)),
        "measurement_error": float(np.mean(own)),
        "load": os.getloadavg()[0],
    }
    for kind, values in errors.items():
        figures[f"estimator_mean_error{kind}"] = float(np.mean(values))
        figures[f"estimator_worst_error{kind}"] = float(np.max(values))
    return figures


def drift(cut: Cut, repeat: int) -> dict[str, float]:
    """How much profile and measurement move between repetitions, as standard deviations."""
    generator = np.random.default_rng(7)
    plans = [cut.drawn(generator) for _ in range(_DRIFTING)]
    summed, ratios, well = [], [], []
    for _ in range(repeat):
        with open_device(load_target("local")) as device:
            base = sum(layer.ms for layer in device.profile(cut.base))
            files = [cut.file(widths) for widths in plans]
            summed.append([sum(x.ms for x in device.profile(one)) / base for one in files])
            ratios.append([device.compare(one, cut.base).ratio for one in files])
            well.append([compare_well(device, one, cut.base).ratio for one in files])
    logs = {name: np.log(values) for name, values in (
        ("profile", summed), ("measurement", ratios), ("finalists", well),
    )}  # fmt: skip
    found = {f"drift_of_{name}": float(one.std(axis=0).mean()) for name, one in logs.items()}
    return {**found, "load": os.getloadavg()[0]}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="20 plans, 20 profiled nets")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--multiple", type=int, default=1, help="of all channels")
    parser.add_argument("--model", action="append", choices=list(SIZES), help="default: all")
    parser.add_argument("--repeat", type=int, default=1, help="repetitions, each with a new probe")
    parser.add_argument("--precision", choices=("float32", "int8"), default="float32")
    parser.add_argument("--plans", type=int, help="that are foretold and measured")
    parser.add_argument("--drift", action="store_true", help="of profiles and measurements alone")
    options = parser.parse_args()
    torch.set_num_threads(1)
    profiles, plans = (20, 20) if options.quick else (PROFILES, 100)
    plans = options.plans or plans
    figures: dict[str, float] = {}
    for name in options.model or SIZES:
        cut = Cut(name, options.multiple, options.precision)
        if options.drift:
            runs = [drift(cut, max(options.repeat, 2))]
        else:
            runs = [measure(cut, profiles, plans, seed) for seed in range(options.repeat)]
        worst = {key: max(run[key] for run in runs) for key in runs[0]}
        if "interval_misses" in worst:
            worst["interval_coverage"] = 1 - worst.pop("interval_misses")
        figures |= {f"{key}_{name}": value for key, value in worst.items()}
        if not options.json:
            print(name, {key: round(value, 4) for key, value in worst.items()}, flush=True)
    held = [value for key, value in figures.items() if key.startswith("interval_coverage")]
    if held:
        figures["interval_coverage"] = float(np.mean(held))
    figures = {name: round(value, 4) for name, value in figures.items()}
    if options.json:
        print(json.dumps({"benchmark": "estimator", "figures": figures}, indent=2))
    elif held:
        print(f"interval_coverage {figures['interval_coverage']}")


if __name__ == "__main__":
    main()

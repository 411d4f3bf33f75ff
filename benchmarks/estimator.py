"""How far latencies predicted from kernels are off measured ones, on this machine.

    python benchmarks/estimator.py [--quick] [--json] [--multiple N] [--model NAME ...]

A probe profiles differently cut nets and fills a fresh kernel table; ten further nets are measured
whole and correct it; then random plans, none seen before, are predicted and measured. Random
weights: latency does not depend on them.
"""

import argparse
import json
import time

import numpy as np
import torch

from edgeprune.config import ModelConfig, load_target
from edgeprune.devices import open_device
from edgeprune.latency import (
    PROFILES,
    KernelTable,
    LatencyEstimator,
    NetModel,
    PrunableNet,
    profile_kernels,
    random_widths,
)
from edgeprune.pruning import ChannelSpace
from edgeprune.workloads import build_model

SIZES = {"resnet56": 32, "mobilenet_v2": 224, "resnet18": 224}
#: Whole nets measured for the correction.
MEASURED = 10


def measure(name: str, profiles: int, plans: int, multiple: int) -> dict[str, float]:
    """Relative errors of one model's estimates, with and without kernels; seconds of the probe."""
    torch.manual_seed(0)
    image = torch.randn(1, 3, SIZES[name], SIZES[name])
    model = build_model(ModelConfig(name=name))
    space = ChannelSpace.from_model(model, image, multiple=multiple, check=False)
    scores = space.importance("l1")

    def candidate(widths: dict[str, int]) -> bytes:
        return space.template.candidate(space.slice_state(space.plan(widths, scores=scores)))

    base = space.template.base
    net = PrunableNet(base, space.layer_costs, space.full)
    # Probe, correction and plans draw their own numbers.
    probe, correct, draw = (np.random.default_rng([seed, multiple]) for seed in (1, 2, 3))
    table = KernelTable()
    with open_device(load_target("local")) as device:
        start = time.perf_counter()
        cuts = [space.full, *(random_widths(space.choices, probe) for _ in range(profiles))]
        profile_kernels(device, net, candidate, cuts, table)
        seconds = time.perf_counter() - start
        estimators = {
            "": LatencyEstimator(space.layer_costs, space.full, NetModel(net, table)),
            "_without_kernels": LatencyEstimator(space.layer_costs, space.full),
        }
        for _ in range(MEASURED):
            widths = random_widths(space.choices, correct)
            ratio = device.compare(candidate(widths), base).ratio
            for estimator in estimators.values():
                estimator.observe(widths, ratio)
        errors: dict[str, list[float]] = {kind: [] for kind in estimators}
        for _ in range(plans):
            widths = random_widths(space.choices, draw)
            ratio = device.compare(candidate(widths), base).ratio
            for kind, estimator in estimators.items():
                errors[kind].append(abs(estimator.ratio(widths) / ratio - 1))
    figures = {f"estimator_probe_s_{name}": seconds}
    for kind, found in errors.items():
        figures[f"estimator_mean_error{kind}_{name}"] = float(np.mean(found))
        figures[f"estimator_worst_error{kind}_{name}"] = float(np.max(found))
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="20 plans, 20 profiled nets")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--multiple", type=int, default=1, help="of all channels")
    parser.add_argument("--model", action="append", choices=list(SIZES), help="default: all")
    options = parser.parse_args()
    torch.set_num_threads(1)
    profiles, plans = (20, 20) if options.quick else (PROFILES, 100)
    figures: dict[str, float] = {}
    for name in options.model or SIZES:
        figures |= measure(name, profiles, plans, options.multiple)
    figures = {name: round(value, 4) for name, value in figures.items()}
    if options.json:
        print(json.dumps({"benchmark": "estimator", "figures": figures}, indent=2))
    else:
        for name, value in figures.items():
            print(f"{name:52} {value}")


if __name__ == "__main__":
    main()

"""How far a latency can be trusted, and what the connection to a device costs.

    python benchmarks/devices.py [--quick] [--json]

A/A: the same network against itself on this machine, fresh workers. SSH: a 14 MB network over a
real server on loopback. Virtual board: one network, again and again, on ARM64 over SSH.
"""

import argparse
import json
import statistics
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import torch

from edgeprune.boards import virtual
from edgeprune.config import MeasureConfig, ModelConfig, TargetConfig, load_target
from edgeprune.devices import open_device
from edgeprune.devices.connection import Connection
from edgeprune.devices.interpreter import python_command
from edgeprune.devices.known_net import small_net
from edgeprune.pruning import ChannelSpace
from edgeprune.testing.sshd import ssh_server
from edgeprune.workloads import build_model

LOCAL = load_target("local")


def _files(name: str, size: int, count: int) -> list[bytes]:
    """Differently pruned files of one network, none equal to another."""
    model = build_model(ModelConfig(name=name))
    space = ChannelSpace.from_model(model, torch.randn(1, 3, size, size))
    scores = space.importance("l1")
    plans = [space.plan(space.scaled(1 - 0.002 * one), scores=scores) for one in range(count)]
    return [space.template.candidate(space.slice_state(plan)) for plan in plans]


def against_itself(repeats: int) -> dict[str, float]:
    """Ratio of a network to itself: median, and half of the central 95 %."""
    ratios = []
    for repeat in range(repeats):
        net = small_net(64, note=str(repeat))
        with open_device(LOCAL) as device:
            ratios.append(device.compare(net, net).ratio)
    low, high = np.percentile(ratios, [2.5, 97.5])
    return {"aa_median": statistics.median(ratios), "aa_halfwidth": float(high - low) / 2}


def over_ssh(candidates: int) -> dict[str, float]:
    """Milliseconds that a connection adds to the same work in a worker of this machine.

    ``first``: from nothing to the first timed run of a 14 MB network. ``next``: a further
    candidate of a few kilobytes, whose transfer takes no time. ``transfer``: a further candidate
    of 14 MB.
    """
    large = _files("mobilenet_v2", 224, candidates + 1)
    small = [small_net(8, note=str(one)) for one in range(candidates + 1)]
    seconds: dict[tuple[str, str], list[float]] = {}

    def timed(kind: str, place: str, start: float) -> None:
        seconds.setdefault((kind, place), []).append(time.perf_counter() - start)

    with tempfile.TemporaryDirectory() as folder, ssh_server(Path(folder), sys.executable) as ssh:
        measure = MeasureConfig(warmup=0, runs=1, timeout_s=120)
        far = TargetConfig(name="ssh", kind="ssh", ssh=ssh.config, measure=measure)
        near = TargetConfig(name="near", kind="local", measure=measure)
        for _ in range(3):
            for place, target in (("far", far), ("near", near)):
                start = time.perf_counter()
                with open_device(target) as device:
                    device.compare(large[0], large[0])
                    timed("first", place, start)
                    for content in large[1:]:
                        start = time.perf_counter()
                        device.compare(content, large[0])
                        timed("transfer", place, start)
                    device.compare(small[0], small[0])
                    for content in small[1:]:
                        start = time.perf_counter()
                        device.compare(content, small[0])
                        timed("next", place, start)
    middle = {key: statistics.median(values) for key, values in seconds.items()}
    added = {
        f"ssh_{kind}_ms": 1e3 * (middle[kind, "far"] - middle[kind, "near"])
        for kind in ("first", "next", "transfer")
    }
    return {**added, "ssh_model_mb": len(large[0]) / 1e6}


def start_of_worker(repeats: int) -> dict[str, float]:
    """Milliseconds until a worker of this machine answers."""
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        connection = Connection(
            python_command([sys.executable]),
            "edgeprune.devices.worker.onnx_runtime",
            {"threads": 1},
            60,
        )
        connection.ask("start")
        seconds.append(time.perf_counter() - start)
        connection.close()
    return {"worker_start_ms": 1e3 * statistics.median(seconds)}


def virtual_board(repeats: int) -> dict[str, float]:
    """Relative spread of one network's latency on the virtual board; time of a measurement."""
    target = load_target("arm64-virtual")
    (net,) = _files("resnet20", 32, 1)
    ours = virtual.status() is None
    start = time.perf_counter()
    virtual.start()
    booted = time.perf_counter() - start
    levels, seconds = [], []
    try:
        for _ in range(repeats):
            with open_device(target) as device:
                start = time.perf_counter()
                levels.append(device.compare(net, net).candidate.level_ms)
                seconds.append(time.perf_counter() - start)
    finally:
        if ours:
            virtual.stop()
    return {
        "virtual_board_repeat": (max(levels) - min(levels)) / statistics.median(levels),
        "virtual_board_boot_s": booted,
        "virtual_board_measurement_s": statistics.median(seconds),
        "virtual_board_resnet20_minstructions": statistics.median(levels),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a fifth of the repeats")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args()
    share = 5 if options.quick else 1
    figures = against_itself(50 // share)
    figures |= start_of_worker(10 // share)
    figures |= over_ssh(10 // share)
    figures |= virtual_board(5 // share + 1)
    figures = {name: round(value, 5) for name, value in figures.items()}
    if options.json:
        print(json.dumps({"benchmark": "devices", "figures": figures}, indent=2))
    else:
        for name, value in figures.items():
            print(f"{name:40} {value}")


if __name__ == "__main__":
    main()

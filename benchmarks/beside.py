"""Training while another program wants a core: how long OpenMP's threads spin before they sleep.

    python benchmarks/beside.py --rounds 3 --json

ResNet-20 is trained for an epoch of 640 random images on two threads, alone and beside a program
that keeps one core busy: with GNU OpenMP's own spinning, with edgeprune's (`edgeprune/__init__.py`)
and with none. All take turns, each in a process of its own: the setting is read once.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
#: Environments: the first two are what a program does without edgeprune and with it.
ARMS = {
    "gnu": {"OMP_WAIT_POLICY": "active"},
    "edgeprune": {},
    "sleep": {"OMP_WAIT_POLICY": "passive"},
}
BUSY = "while True: pass"
TRAIN = """
import edgeprune
import numpy as np
import torch
from edgeprune.training import fit
from edgeprune.workloads import ArraySplit, ModelConfig, build_model

torch.set_num_threads(2)
rng = np.random.default_rng(0)
images = rng.integers(0, 256, (640, 3, 32, 32), np.uint8)
split = ArraySplit("noise", images, rng.integers(0, 10, 640))
model = build_model(ModelConfig(name="resnet20", num_classes=10))
how = dict(lr=0.01, batch_size=64, weight_decay=0.0, seed=0, mode="bfloat16-channels-last")
fit(model, split, epochs=1, **how)
print(fit(model, split, epochs=1, **how).seconds)
"""


def seconds(environment: dict[str, str], busy: bool) -> float:
    """Of one epoch, in a process of its own."""
    kept = {k: v for k, v in os.environ.items() if k not in {"OMP_WAIT_POLICY", "GOMP_SPINCOUNT"}}
    other = subprocess.Popen([sys.executable, "-c", BUSY]) if busy else None
    try:
        done = subprocess.run(
            [sys.executable, "-c", TRAIN],
            env=kept | {"PYTHONPATH": str(ROOT)} | environment,
            capture_output=True,
            text=True,
            check=True,
        )
    finally:
        if other is not None:
            other.kill()
            other.wait()
    return float(done.stdout)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--quick", action="store_true", help="one round")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    options = parser.parse_args()
    found: dict[str, list[float]] = {}
    for _ in range(1 if options.quick else options.rounds):
        for busy in (False, True):
            for name, environment in ARMS.items():
                where = "beside" if busy else "alone"
                found.setdefault(f"{name}_{where}", []).append(seconds(environment, busy))
                print(f"{name} {where}: {found[f'{name}_{where}'][-1]:.1f} s", file=sys.stderr)
    epochs = {f"epoch_seconds_{name}": statistics.median(all_) for name, all_ in found.items()}
    for where in ("alone", "beside"):
        ours, theirs = (epochs[f"epoch_seconds_{one}_{where}"] for one in ("edgeprune", "gnu"))
        epochs[f"speedup_{where}"] = theirs / ours
    figures = {name: round(value, 3) for name, value in epochs.items()}
    print(json.dumps({"benchmark": "beside", "figures": figures}, indent=2))


if __name__ == "__main__":
    main()

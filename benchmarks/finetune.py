"""Recipes of fine-tuning, compared on equal cuts.

    python benchmarks/finetune.py [--quick] [--json] [--keep FILE] [--case NAME ...]
                      [--arm CHANGES ...] [--seeds N] [--epochs N] [--images N]

A case is a shared network cut by the uniform-L1 plan of a keep ratio and repaired by `Recovery`
(least squares, batch norms): ``resnet20-0.5``, ``resnet20-0.35``, ``mobilenetv1-0.5``, and any
other ratio; or by a plan that a run has found: ``resnet20-runs/one/plan.json``. An
arm is a recipe, named by what it changes in `START`, the recipe that was the default until these
measurements: ``lr=0.05,batch_size=64``; ``start`` changes nothing. ``cuts=3`` cuts in three steps
of equal factors, each repaired and then trained for a third of the epochs with a schedule of its
own, instead of once. Every arm of a case starts from the same weights, sees the
same 20,000 training images for 3 epochs, and is scored on all reward images; the test images are
never read. Beside the accuracy stands the cross-entropy of the same images (``_loss``), which is
less noisy. Seeds are of order and augmentation.

Every finished (case, arm, epochs, images, seed) is a line of ``--keep FILE`` and not run again.
"""

import argparse
import json
import os
import statistics
import tempfile
import time
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

from edgeprune.config import DataConfig, ModelConfig, RecoverConfig
from edgeprune.config.workload import WorkloadConfig
from edgeprune.evaluation import Recovery
from edgeprune.pruning import ChannelSpace, Plan
from edgeprune.training import fit
from edgeprune.workloads import Workload, load_workload

SHARED = Path(os.environ.get("EDGEPRUNE_SHARED", Path(__file__).parents[2] / "shared"))
#: One mode for all arms: where bfloat16 is emulated it is seven times slower than this.
MODE = "float32-channels-last"
#: The recipe that all arms are changes of.
START: dict[str, Any] = {"lr": 0.02, "batch_size": 32, "weight_decay": 5e-4, "temperature": 4.0}
CASES = ("resnet20-0.5", "resnet20-0.35", "mobilenetv1-0.5")
#: The default of fine-tuning; the others are compared with it, one change at a time.
CHOSEN = "lr=0.05,clip=1"
ARMS = (
    "start",
    CHOSEN,
    *(f"{CHOSEN},{change}" for change in ("warmup=0.1", "schedule=linear", "temperature=2")),
    *(f"{CHOSEN},{change}" for change in ("distill_weight=1", "ema=0.99", "batch_size=64")),
    *("lr=0.1,clip=1", "lr=0.02,clip=2", f"{CHOSEN},cuts=3"),
)
MODELS = {
    "resnet20": {"name": "resnet20", "weights": "cifar10-jpeg-resnet20.pt"},
    "mobilenetv1": {
        "name": "mobilenet_v1",
        "weights": "cifar10-jpeg-mobilenetv1-050.pt",
        "args": {"width": 0.5},
    },
}


def recipe_of(arm: str) -> dict[str, Any]:
    """The settings an arm stands for."""
    recipe = dict(START)
    for change in arm.split(",") if arm != "start" else ():
        name, _, text = change.partition("=")
        try:
            recipe[name] = json.loads(text)
        except json.JSONDecodeError:
            recipe[name] = text
    return recipe


@cache
def workload_of(model: str) -> Workload:
    """A trained network and its images; ``digits`` is trained here, for a minute's look."""
    if model == "digits":
        data, network = DataConfig(name="digits"), ModelConfig(name="resnet20", num_classes=10)
        found = load_workload(WorkloadConfig(model=network, data=data))
        fit(
            found.model, found.splits.train,
            epochs=3, lr=0.1, batch_size=64, weight_decay=5e-4, seed=0, mode="float32",
        )  # fmt: skip
        return found
    settings = MODELS[model]
    weights = SHARED / "checkpoints" / str(settings["weights"])
    return load_workload(
        WorkloadConfig(
            model=ModelConfig(**settings | {"weights": weights, "num_classes": 10}),
            data=DataConfig(
                name="imagefolder",
                root=SHARED / "data" / "cifar10-jpeg.tar.xz",
                reward_list=SHARED / "data" / "cifar10-reward.txt",
                test_list=SHARED / "data" / "cifar10-test.txt",
            ),
        )
    )


def cut(model: nn.Module, workload: Workload, how: float | str) -> nn.Module:
    """A repaired copy: this share of every group's channels, by L1, or what a plan's file says."""
    recovery = Recovery(model, workload.splits.train, RecoverConfig())
    if isinstance(how, str):
        return recovery.recover(Plan.load(how))
    space = ChannelSpace.from_model(model, workload.example_input)
    return recovery.recover(space.plan(space.scaled(how)))


def run(case: str, arm: str, epochs: int, images: int, seed: int) -> dict[str, float]:
    """Cut, fine-tune by an arm's recipe, and score on the reward images."""
    name, _, how = case.partition("-")
    workload, recipe = workload_of(name), recipe_of(arm)
    cuts = recipe.pop("cuts", 1)
    if epochs % cuts:
        msg = f"{epochs} epochs cannot be parted evenly among {cuts} cuts"
        raise SystemExit(msg)
    train = workload.splits.train.subset(images, seed=0)
    model, start = workload.model, time.perf_counter()
    for _ in range(cuts):
        model = cut(model, workload, how if ".json" in how else float(how) ** (1 / cuts))
        found = fit(
            model, train,
            epochs=epochs // cuts, seed=seed, teacher=workload.model, mode=MODE, **recipe,
        )  # fmt: skip
    seconds = time.perf_counter() - start
    right, loss = scored(model, workload)
    return {"accuracy": right, "loss": loss, "train_loss": found.losses[-1], "seconds": seconds}


def scored(model: nn.Module, workload: Workload) -> tuple[float, float]:
    """Accuracy in percent and mean cross-entropy on the reward images."""
    correct = loss = 0.0
    model.eval()
    with torch.inference_mode():
        for images, labels in workload.splits.reward.batches(250):
            logits = model(images.contiguous(memory_format=torch.channels_last))
            correct += float((logits.argmax(1) == labels).sum())
            loss += float(F.cross_entropy(logits, labels, reduction="sum"))
    count = len(workload.splits.reward)
    return 100 * correct / count, loss / count


class Table:
    """Finished runs, one a line of a file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        lines = path.read_text().splitlines() if path.exists() else []
        self._rows = [json.loads(line) for line in lines]

    def of(self, **key: Any) -> dict[str, Any]:
        """A run's row; it is run now if it has not been before."""
        for row in self._rows:
            if all(row[name] == value for name, value in key.items()):
                return row
        row = key | run(**key)
        self._rows.append(row)
        with self._path.open("a") as file:
            file.write(json.dumps(row) + "\n")
        return row


def summary(rows: Mapping[str, list[dict[str, Any]]]) -> dict[str, float]:
    """Of every case and arm the median over seeds, and its range."""
    figures: dict[str, float] = {}
    for name, runs in rows.items():
        accuracies = [row["accuracy"] for row in runs]
        figures |= {
            name: statistics.median(accuracies),
            f"{name}_range": max(accuracies) - min(accuracies),
            f"{name}_loss": statistics.median(row["loss"] for row in runs),
            f"{name}_seconds": statistics.median(row["seconds"] for row in runs),
        }
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="digits, one epoch, two arms")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--keep", type=Path, help="file of finished runs")
    parser.add_argument("--case", action="append", help=f"default: {', '.join(CASES)}")
    parser.add_argument("--arm", action="append", help="default: those of docs/results.md")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--images", type=int, default=20_000)
    options = parser.parse_args()
    if options.quick:
        options.case, options.epochs, options.images = ["digits-0.5"], 1, 320
        options.arm = options.arm or ["start", "lr=0.05"]
    torch.set_num_threads(1)
    rows: dict[str, list[dict[str, Any]]] = {}
    with tempfile.TemporaryDirectory() as folder:
        table = Table(options.keep or Path(folder) / "runs.jsonl")
        for seed in range(options.seeds):
            for case in options.case or CASES:
                for arm in options.arm or ARMS:
                    row = table.of(
                        case=case, arm=arm, epochs=options.epochs, images=options.images, seed=seed
                    )
                    rows.setdefault(f"{case}_{arm}_{options.epochs}", []).append(row)
                    if not options.json:
                        print(json.dumps(row), flush=True)
    figures = {name: round(value, 4) for name, value in summary(rows).items()}
    if options.json:
        print(json.dumps({"benchmark": "finetune", "figures": figures}, indent=2))


if __name__ == "__main__":
    main()

"""What a user is handed: the default beside everything simpler, at the same measured latency.

    python benchmarks/outcome.py --keep DIR [--row resnet20:0.5x] [--seed 0] [--arm knapsack]

Each row is a network and a budget, measured on the target ``local``; each arm finds a network
within the budget, all are fine-tuned by the same recipe on the same images and scored on all test
images, once. Arms are kept one by one under ``--keep``: a benchmark that was stopped goes on, rows
and seeds may be run by several processes, and ``--json`` prints the figures of all that is there.
Beside each gain stands McNemar's exact test on the answers of both networks (seeds pooled).

Needs the shared checkpoints and images (``EDGEPRUNE_SHARED``). ``--quick`` runs a small part of a
row, to see that it works.
"""

import argparse
import json
import math
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import torch
from outcome_torch_pruning import GroupNorm, group_norm
from scipy.stats import binomtest
from task import ROOT, SHARED, reward_list

from edgeprune.config import dump_pipeline, load_pipeline
from edgeprune.files import write_json
from edgeprune.pipeline.finishing import finish
from edgeprune.pipeline.goals import Goal, goals
from edgeprune.pipeline.progress import Reporter
from edgeprune.pipeline.records import Finished
from edgeprune.pipeline.run_directory import RunDirectory
from edgeprune.pipeline.session import Session, open_session
from edgeprune.pipeline.stages.base import finish_base
from edgeprune.pipeline.stages.contenders import Field, finalists, gather, settler_of
from edgeprune.pipeline.stages.curves import learn_curves
from edgeprune.pipeline.stages.kernels import learn_kernels
from edgeprune.pipeline.stages.probe import probe
from edgeprune.pipeline.stages.race import race
from edgeprune.pipeline.stages.scoring import choose_scoring
from edgeprune.pipeline.stages.search import search, worth_measuring

sys.path.insert(0, str(SHARED / "checkpoints"))  # mlperf_tiny_resnet8 is a module there

#: Overrides by network.
MODELS = {
    "resnet20": ["workload.model.name=resnet20"],
    "resnet56": ["workload.model.name=resnet56"],
    "resnet8": [
        "workload.model.name=mlperf_tiny_resnet8:resnet8",
        f"workload.model.weights={SHARED / 'checkpoints' / 'mlperf-tiny-resnet8-jpeg.pt'}",
        "workload.data.mean=[0, 0, 0]",
        "workload.data.std=[0.00392157, 0.00392157, 0.00392157]",
    ],
    "mobilenetv1": [
        "workload.model.name=mobilenet_v1",
        "workload.model.args={width: 0.5}",
        f"workload.model.weights={SHARED / 'checkpoints' / 'cifar10-jpeg-mobilenetv1-050.pt'}",
    ],
}
#: What one run of the default gives besides its own result.
BASELINES = ("uniform", "filled", "random")
#: Arms that are a sampler of their own: its best trial by reward, as without a race.
SAMPLERS = {
    "amc": "amc",
    "bocr": "bocr",
    "tpe": "optuna:TPESampler",
    "history": "history",
    "purl": "purl",
    "qlp": "qlp",
}
ARMS = ("knapsack", *BASELINES, "no_blocks", "tpe", "torch_pruning", "amc", "bocr")
#: What the default is held against.
RIVALS = ("uniform", "filled", "random", "tpe", "torch_pruning")


@dataclass(frozen=True)
class Settings:
    """What is the same for all arms.

    Attributes:
        keep: folder of everything.
        trials: of every search.
        reward_images: of each class, that candidates are scored on.
        train_images: that networks are fine-tuned on.
        epochs: of fine-tuning.
        overrides: more settings.
    """

    keep: Path
    trials: int
    reward_images: int
    train_images: int
    epochs: int
    overrides: tuple[str, ...] = ()


@dataclass(frozen=True)
class Row:
    """One network within one budget, with one seed."""

    model: str
    budget: str
    seed: int

    @property
    def name(self) -> str:
        """Of its folder."""
        return f"{self.model}_{self.budget}_s{self.seed}"


@contextmanager
def opened(settings: Settings, row: Row, blocks: bool) -> Iterator[Session]:
    """A session on the subset of the training images."""
    folder = settings.keep / (row.name if blocks else f"{row.name}_no_blocks")
    folder.mkdir(parents=True, exist_ok=True)
    weights = SHARED / "checkpoints" / f"cifar10-jpeg-{row.model}.pt"
    config = load_pipeline(
        ROOT / "examples" / "cifar10-resnet20.yaml",
        [
            f"workload.model.weights={weights}",
            *MODELS[row.model],
            f"workload.data.reward_list={reward_list(folder, settings.reward_images)}",
            "search.sampler=knapsack",
            f"search.trials={settings.trials}",
            f"search.seed={row.seed}",
            f"budget.latency={row.budget}",
            f"prune.blocks={str(blocks).lower()}",
            f"finetune.epochs={settings.epochs}",
            f"history={folder / 'history.db'}",
            *settings.overrides,
        ],
    )
    directory = RunDirectory(folder / "run")
    directory.create(dump_pipeline(config))
    with (
        directory.locked(),
        Reporter(directory.path / "log.txt", enabled=False) as reporter,
        open_session(config, directory, reporter) as session,
    ):
        splits = session.workload.splits
        train = splits.train.subset(min(settings.train_images, len(splits.train)), 0)
        session.workload = replace(session.workload, splits=replace(splits, train=train))
        yield session


def run_row(settings: Settings, row: Row, arms: list[str]) -> None:
    """Every arm of a row that is not there yet, one after the other."""
    missing = [arm for arm in arms if not (settings.keep / f"{row.name}.{arm}.json").exists()]
    if [arm for arm in missing if arm != "no_blocks"]:
        with opened(settings, row, blocks=True) as session:
            _run_arms(settings, row, session, [arm for arm in missing if arm != "no_blocks"])
    if "no_blocks" in missing:
        with opened(settings, row, blocks=False) as session:
            goal, kernels, seconds = _prepare(session)
            start = time.perf_counter()
            found = search(session, goal.probed, "search", "knapsack", kernels)
            own = finalists(session, settler_of(session, goal, (found,), kernels), found, {})
            seconds |= {"search": time.perf_counter() - start}
            if own:
                records = race(session, goal, Field.of(own))
                _keep(settings, row, "no_blocks", session, "result", records["result"], seconds)


def _prepare(session: Session) -> tuple[Goal, Any, dict[str, float]]:
    start = time.perf_counter()
    kernels = learn_kernels(session)
    (goal,) = goals(session.config.budget, probe(session))
    before = time.perf_counter()
    learn_curves(session, lambda: worth_measuring(session, goal.probed, kernels))
    done = time.perf_counter()
    choose_scoring(session, goal, kernels)
    return goal, kernels, {"kernels": before - start, "curves": done - before}


def _run_arms(settings: Settings, row: Row, session: Session, arms: list[str]) -> None:
    base = finish_base(session)
    if not (settings.keep / f"{row.name}.base.json").exists():
        _keep(settings, row, "base", session, "base", base, {})
    goal, kernels, seconds = _prepare(session)
    if {"knapsack", *BASELINES} & set(arms):
        start = time.perf_counter()
        found = search(session, goal.probed, "search", session.config.search.sampler, kernels)
        seconds |= {"search": time.perf_counter() - start}
        compared = search(session, goal.probed, "random", "random", kernels)
        records = race(session, goal, gather(session, goal, found, compared, kernels))
        for arm in ("knapsack", *BASELINES):
            name = "result" if arm == "knapsack" else arm
            _keep(settings, row, arm, session, name, records[name], seconds)
    for arm in (one for one in arms if one in SAMPLERS):
        start = time.perf_counter()
        found = search(session, goal.probed, f"search-{arm}", SAMPLERS[arm], kernels)
        within = [one for one in found.trials if one.outcome.latency_ratio <= goal.limit]
        best = max(within, key=lambda one: one.reward, default=found.best)
        settler = settler_of(session, goal, (found,), kernels)
        if arm == "tpe":  # knows no curves
            settler = replace(settler, problem=replace(settler.problem, curves=None))
        settled = settler.settle(best.widths)
        spent = {"search": time.perf_counter() - start}
        record = finish(session, f"arm-{arm}", settled.widths, goal.limit, settler=settler)
        _keep(settings, row, arm, session, f"arm-{arm}", record, spent)
    if "torch_pruning" in arms:
        record = group_norm(session, goal.limit)
        _keep(settings, row, "torch_pruning", session, "torch-pruning", record, {})


def _keep(
    settings: Settings,
    row: Row,
    arm: str,
    session: Session,
    name: str,
    record: Finished | GroupNorm,
    seconds: dict[str, float],
) -> None:
    answers = _right(session, session.directory.contender(name, "onnx"))
    kept = {
        "model": row.model,
        "budget": row.budget,
        "seed": row.seed,
        "arm": arm,
        "accuracy": float(answers.mean()),
        "ratio": record.ratio,
        "met": record.met,
        "macs": getattr(record, "macs", None),
        "found_by": record.found_by,
        "reward_accuracy": getattr(record, "reward_accuracy", None),
        "widths": getattr(record, "widths", None),
        "seconds": seconds,
        "right": np.packbits(answers).tobytes().hex(),
        "images": len(answers),
    }
    write_json(settings.keep / f"{row.name}.{arm}.json", kept)
    print(f"{row.name} {arm}: {100 * kept['accuracy']:.2f} % at {kept['ratio']:.3f}x", flush=True)


def _right(session: Session, path: Path) -> np.ndarray:
    """Which test images the written file classifies correctly."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    network = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    found = []
    for images, labels in session.workload.splits.test.batches(100):
        scores = network.run(None, {"input": images.numpy()})[0]
        found.append(scores.argmax(1) == labels.numpy())
    return np.concatenate(found)


def figures(keep: Path) -> dict[str, float]:
    """Medians and ranges of all arms that are there, and the gains of the default."""
    records = [json.loads(path.read_text()) for path in sorted(keep.glob("*.json"))]
    table: dict[tuple[str, str], dict[str, dict[int, dict[str, Any]]]] = {}
    for one in records:
        arms = table.setdefault((one["model"], one["budget"]), {})
        arms.setdefault(one["arm"], {})[one["seed"]] = one
    found: dict[str, float] = {}
    for (model, budget), arms in table.items():
        for arm, seeds in arms.items():
            found |= _spread(
                f"{model}_{budget}_{arm}", [100 * s["accuracy"] for s in seeds.values()]
            )
            found[f"{model}_{budget}_{arm}_ratio"] = statistics.median(
                one["ratio"] for one in seeds.values()
            )
        if "knapsack" not in arms:
            continue
        own = arms["knapsack"]
        gains = {}
        for rival in (*RIVALS, "no_blocks", *SAMPLERS):
            common = sorted(own.keys() & arms.get(rival, {}).keys())
            if not common:
                continue
            pairs = [(own[seed], arms[rival][seed]) for seed in common]
            each = [100 * (a["accuracy"] - b["accuracy"]) for a, b in pairs]
            gains[rival] = statistics.median(each)
            found |= _spread(f"gain_over_{rival}_{model}_{budget}", each)
            found[f"mcnemar_p_{rival}_{model}_{budget}"] = _mcnemar(pairs)
        if "no_blocks" in gains:
            found[f"gain_of_blocks_{model}_{budget}"] = gains["no_blocks"]
        rivals = [gains[one] for one in RIVALS if one in gains]
        if rivals:
            found[f"gain_over_best_baseline_{model}_{budget}"] = min(rivals)
        for step in ("curves", "search"):
            seconds = [one["seconds"].get(step) for one in own.values()]
            if all(one is not None for one in seconds):
                found[f"{step}_seconds_{model}_{budget}"] = statistics.median(seconds)
    return found


def _spread(name: str, values: list[float]) -> dict[str, float]:
    spread = {name: statistics.median(values)}
    if len(values) > 1:
        spread |= {f"{name}_min": min(values), f"{name}_max": max(values)}
    return spread


def _mcnemar(pairs: list[tuple[dict[str, Any], dict[str, Any]]]) -> float:
    """Exact two-sided p of McNemar's test, over the images that one of the two gets right."""
    ours = theirs = 0
    for one, other in pairs:
        a, b = _bits(one), _bits(other)
        ours += int((a & ~b).sum())
        theirs += int((b & ~a).sum())
    return float(binomtest(ours, ours + theirs).pvalue) if ours + theirs else math.nan


def _bits(record: dict[str, Any]) -> np.ndarray:
    packed = np.frombuffer(bytes.fromhex(record["right"]), np.uint8)
    return np.unpackbits(packed)[: record["images"]].astype(bool)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--keep", type=Path, help="keeps arms and runs")
    parser.add_argument("--row", action="append", default=[], help="such as resnet20:0.5x")
    parser.add_argument("--seed", type=int, action="append", default=[])
    parser.add_argument("--arm", action="append", default=[], choices=[*ARMS, *SAMPLERS])
    parser.add_argument("--trials", type=int, default=60)
    parser.add_argument("--reward-images", type=int, default=100, help="of each class")
    parser.add_argument("--train-images", type=int, default=20_000)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2, help="1 for rows side by side")
    parser.add_argument("--set", action="append", default=[], help="more overrides")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--json", action="store_true", help="print the figures that are there")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    if options.quick:
        options.trials, options.reward_images = min(options.trials, 6), 20
        options.train_images, options.epochs = 1000, 1
        options.row = options.row or ["resnet8:0.5x"]
        options.arm = options.arm or ["knapsack"]
    if options.quick and not SHARED.is_dir():
        print(f"left out: {SHARED} is not there")
        return
    options.keep = options.keep or Path(tempfile.mkdtemp(prefix="outcome-"))
    settings = Settings(
        options.keep.resolve(),
        options.trials,
        options.reward_images,
        options.train_images,
        options.epochs,
        tuple(options.set),
    )
    settings.keep.mkdir(parents=True, exist_ok=True)
    for wanted in options.row:
        model, _, budget = wanted.partition(":")
        for seed in options.seed or [0]:
            run_row(settings, Row(model, budget, seed), options.arm or list(ARMS))
    if options.json:
        found = {name: round(value, 4) for name, value in sorted(figures(settings.keep).items())}
        print(json.dumps({"benchmark": "outcome", "figures": found}, indent=2))


if __name__ == "__main__":
    main()

"""What training and pruning together is worth, mechanism by mechanism (RLAL).

    python benchmarks/joint.py [--quick] [--json] [--seeds N] [--keep DIR]

Protocol, fixed before the first run. ResNet-20 on the embedded digits, simulated target, 0.5x:
2 epochs of warm-up, 2 random rounds, 12 joint epochs of 4 episodes, 10 epochs of settling, then 6
of fine-tuning. The issue asks for 20,000 CIFAR-10 images, which take hours a seed on two cores.

- The decoder: three representations are trained on the same steps of the agent's replay buffer
  (with z, with zeros for z, with the rounds shuffled); mean squared error of the rewards of the
  episodes' last steps on a fifth of the rounds' steps that none was trained on.
- The agent: mean over the last 4 joint rounds of the best reward of a round, with z and without.
- Alignment: accuracy of the whole network less that of the structure cut out of it (reward
  images, before fine-tuning), at the end of joint training, with and without the penalty.
- The result: test accuracy less that of uniform pruning of the same trained network at the same
  latency and fine-tuning, and less that of train-then-prune (amc, 40 trials) with as many epochs.
"""

import argparse
import json
import statistics
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
from task import ROOT

import edgeprune as ep
from edgeprune.config import dump_pipeline, load_pipeline
from edgeprune.joint.representation import Representation, Steps
from edgeprune.pipeline.joint import train_session
from edgeprune.pipeline.progress import Reporter
from edgeprune.pipeline.run_directory import RunDirectory
from edgeprune.pipeline.session import open_session

LENGTHS = {
    "warmup": 2,
    "fill": 2,
    "joint": 12,
    "settle": 10,
    "episodes": 4,
    "images": 512,
    "lr": 0.1,
    "batch_size": 32,
}
COMMON = ("target=simulated", "budget.latency=0.5x", "history=none", "finetune.epochs=6")
QUICK = {**LENGTHS, "warmup": 1, "fill": 1, "joint": 2, "settle": 1, "episodes": 2}


def _overrides(lengths: dict[str, float], **more: float) -> list[str]:
    return [
        *COMMON,
        "search.sampler=joint",
        "search.trials=4",
        "workload.train=null",
        *(f"joint.{name}={value}" for name, value in {**lengths, **more}.items()),
    ]


def _drop(record: dict[str, Any]) -> float:
    """Points lost by cutting the structure out, before fine-tuning."""
    last = record["epochs"][-1]
    return 100 * float(last["dense"] - last["incumbent"])


def _late_rewards(record: dict[str, Any]) -> float:
    return 100 * statistics.mean(one["best"] for one in record["rounds"][-4:])


def _run(folder: Path, seed: int, overrides: list[str]) -> dict[str, Any]:
    pipeline = ROOT / "examples" / "digits.yaml"
    return ep.run(pipeline, run_dir=folder, seed=seed, overrides=overrides, progress=False).manifest


def _trained(folder: Path, seed: int, overrides: list[str], *, use_z: bool) -> dict[str, Any]:
    """Joint training alone: its record."""
    config = load_pipeline(ROOT / "examples" / "digits.yaml", [*overrides, f"search.seed={seed}"])
    directory = RunDirectory(folder)
    directory.create(dump_pipeline(config))
    record = directory.record("joint")
    if record is None:
        with (
            Reporter(folder / "log.txt", enabled=False) as reporter,
            open_session(config, directory, reporter) as session,
        ):
            record = directory.finish("joint", train_session(session, use_z=use_z).to_json())
    return dict(record)


def _accuracy(record: dict[str, Any]) -> float:
    return 100 * float(record["verification"]["accuracy"])


def decoder_errors(folder: Path, seed: int) -> dict[str, float]:
    """Errors on steps left out, of what was kept of a joint training's replay buffer."""
    saved = torch.load(folder / "contenders" / "joint.pt", weights_only=True)["rounds"]
    replay, rounds = saved["agent"]["replay"], len(saved["done"])
    observations = replay["observations"][:, 0]
    size = saved["representation"]["weights"]["embeddings.weight"].shape[1]
    last = replay["dones"][:, 0] > 0
    steps = Steps(
        observations[:, :-size][last],
        (replay["actions"][:, 0][last] + 1) / 2,
        observations[:, -size][last].long(),
        replay["rewards"][:, 0][last],
    )
    order = torch.from_numpy(np.random.default_rng(seed).permutation(len(steps.rewards)))
    left_out, known = order[: len(order) // 5], order[len(order) // 5 :]
    shuffled = steps.rounds[torch.from_numpy(np.random.default_rng(seed).permutation(len(order)))]
    found = {}
    for name in ("z", "zero", "shuffled"):
        torch.manual_seed(seed)
        model = Representation(rounds, steps.states.shape[1])
        if name == "zero":
            model.embeddings.weight.data.zero_()
            model.embeddings.weight.requires_grad_(False)
        numbers = shuffled if name == "shuffled" else steps.rounds

        def some(rows: torch.Tensor, numbers: torch.Tensor = numbers) -> Steps:
            return Steps(
                steps.states[rows], steps.actions[rows], numbers[rows], steps.rewards[rows]
            )

        table = torch.zeros(rounds, size) if name == "zero" else None
        for _ in range(300):
            loss = model.error(some(known), table)
            model.optimizer.zero_grad()
            loss.backward()
            model.optimizer.step()
        with torch.no_grad():
            found[name] = float(model.error(some(left_out), table))
    return found


def measure(folder: Path, seed: int, *, quick: bool) -> dict[str, float]:
    """One seed of everything; what is finished in `folder` is not done again."""
    lengths = QUICK if quick else LENGTHS
    whole = folder / f"joint-{seed}"
    manifest = _run(whole, seed, _overrides(lengths))
    record = RunDirectory(whole).record("joint")
    errors = decoder_errors(whole, seed)
    blind = _trained(folder / f"blind-{seed}", seed, _overrides(lengths), use_z=False)
    loose = _trained(folder / f"loose-{seed}", seed, _overrides(lengths, alignment=0), use_z=True)
    epochs = lengths["warmup"] + lengths["joint"] + lengths["settle"]
    classic = _run(
        folder / f"amc-{seed}",
        seed,
        [
            *COMMON,
            f"workload.train.epochs={epochs}",
            f"search.trials={4 if quick else 40}",
            "recover.images=512",
        ],
    )
    return {
        "decoder_gain_over_zero": errors["zero"] / errors["z"],
        "decoder_gain_over_shuffled": errors["shuffled"] / errors["z"],
        "agent_gain_with_z": _late_rewards(record) - _late_rewards(blind),
        "hard_prune_drop_with_alignment": _drop(record),
        "hard_prune_drop_without": _drop(loose),
        "accuracy": _accuracy(manifest["result"]),
        "gain_over_uniform": _accuracy(manifest["result"])
        - _accuracy(manifest["baselines"]["uniform"]),
        "gain_over_train_then_prune": _accuracy(manifest["result"]) - _accuracy(classic["result"]),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one seed, a few epochs")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--keep", type=Path, help="folder for the runs; a second call goes on")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = options.keep or Path(name)
        folder.mkdir(parents=True, exist_ok=True)
        seeds = range(1 if options.quick else options.seeds)
        runs = [measure(folder, seed, quick=options.quick) for seed in seeds]
    figures = {
        key: [round(pick([run[key] for run in runs]), 3) for pick in (min, statistics.median, max)]
        for key in runs[0]
    }
    if options.json:
        print(json.dumps({"benchmark": "joint", "figures": figures}, indent=2))
    else:
        for key, value in figures.items():
            print(f"{key:35} {value}")


if __name__ == "__main__":
    main()

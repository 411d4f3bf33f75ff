"""What fine-tuning makes of a plan, from what is known of it before.

    python benchmarks/promise.py --keep DIR [--row resnet20:0.5x] [--seed 0] [--plans 20]
        [--short 1024 --short 2048] [--json]

Fine-tunes plans of one row of `benchmarks/outcome.py` alike, all of about the same latency: those
of its own search and of random search, evenly spread over what they score before. A least-squares
line then explains their accuracy after each epoch by the natural logarithm of their MACs, by their
accuracy before, and by both (`edgeprune.search.promise` is the last one); with ``--short N`` also
by their accuracy after a training of its own on N images (`edgeprune.pipeline.stages.scoring`). All
reward images score them; the test images are never read. ``--keep`` is the folder of `outcome.py`,
whose searches must be there; plans that are done are not trained again.
"""

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from finetune import workload_of
from outcome import Row, Settings, opened

from edgeprune.evaluation import accuracy
from edgeprune.pipeline.finishing import fine_tune
from edgeprune.pipeline.recipe import train
from edgeprune.pipeline.session import Session
from edgeprune.search.journal import SearchTrial, read_trials
from edgeprune.workloads import Split


def chosen(folder: Path, limit: float, plans: int) -> list[SearchTrial]:
    """Trials within the budget of both searches, evenly spread over their rewards."""
    found = []
    for name in ("search", "random"):
        trials = read_trials(folder / "run" / name)
        within = [one for one in trials if one.outcome.latency_ratio <= limit]
        ranked = sorted(within, key=lambda one: -one.reward)
        places = np.linspace(0, len(ranked) - 1, min(plans // 2, len(ranked))).round().astype(int)
        found += [ranked[place] for place in places]
    return found


def trained(
    session: Session, trial: SearchTrial, reward: Split, keep: Path, short: list[int]
) -> dict[str, Any]:
    """Accuracy of a trial's plan before fine-tuning, after short trainings and every epoch."""
    epochs = session.config.finetune.epochs
    model = session.recovery.recover(session.plan(trial.widths))
    scores = [accuracy(model, reward)]
    after = {}
    for images in short:
        brief = session.recovery.recover(session.plan(trial.widths))
        train(session, brief, session.workload.splits.train.subset(images, 0), epochs=1)
        after[str(images)] = accuracy(brief, reward)
    checkpoint = keep / "promise.checkpoint"
    for until in range(1, epochs + 1):
        fine_tune(session, "plan", model, checkpoint, until=until, on_epoch=lambda *told: None)
        scores.append(accuracy(model, reward))
    checkpoint.unlink()
    widths, macs = trial.widths, trial.outcome.macs
    return {"widths": widths, "macs": macs, "scores": scores, "short": after}


def explained(rows: list[dict[str, Any]]) -> dict[str, float]:
    """Shares of the variance that each line explains, and the worth of capacity in the last."""
    found = {}
    macs = np.log([row["macs"] for row in rows])
    before = np.array([row["scores"][0] for row in rows])
    for epoch in range(1, len(rows[0]["scores"])):
        after = np.array([row["scores"][epoch] for row in rows])
        columns_of = {"macs": [macs], "before": [before], "both": [macs, before]}
        for images in rows[0].get("short", {}):
            score = np.array([row["short"][images] for row in rows])
            columns_of |= {f"short_{images}": [score], f"both_{images}": [macs, score]}
        for name, columns in columns_of.items():
            inputs = np.column_stack([np.ones(len(rows)), *columns])
            line = np.linalg.lstsq(inputs, after, rcond=None)[0]
            left = ((after - inputs @ line) ** 2).sum() / ((after - after.mean()) ** 2).sum()
            found[f"explained_by_{name}_epoch_{epoch}"] = 1 - float(left)
            if name.startswith("both"):
                found[f"worth{name[4:]}_epoch_{epoch}"] = float(line[1] / line[2])
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--keep", type=Path, required=True, help="folder of benchmarks/outcome.py")
    parser.add_argument("--row", default="resnet20:0.5x", help="a model of benchmarks/finetune.py")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--plans", type=int, default=20)
    parser.add_argument("--trials", type=int, default=60)
    parser.add_argument("--short", type=int, action="append", default=[], help="images")
    parser.add_argument("--train-images", type=int, default=10_000)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    torch.set_num_threads(1)
    model, _, budget = options.row.partition(":")
    row = Row(model, budget, options.seed)
    settings = Settings(
        options.keep.resolve(), options.trials, 100, options.train_images, options.epochs
    )
    table = options.keep / f"{row.name}.promise.jsonl"
    rows = [json.loads(line) for line in table.read_text().splitlines()] if table.exists() else []
    with opened(settings, row, blocks=True) as session:
        reward = workload_of(model).splits.reward
        for trial in chosen(settings.keep / row.name, float(budget.rstrip("x")), options.plans):
            if any(one["widths"] == trial.widths for one in rows):
                continue
            rows.append(trained(session, trial, reward, settings.keep, options.short))
            with table.open("a") as file:
                file.write(json.dumps(rows[-1]) + "\n")
            scores = ", ".join(f"{100 * score:.1f}" for score in rows[-1]["scores"])
            print(f"{rows[-1]['macs'] / 1e6:.1f} M MACs: {scores} %", flush=True)
    figures = {name: round(value, 4) for name, value in explained(rows).items()}
    if options.json:
        print(json.dumps({"benchmark": "promise", "figures": figures}, indent=2))


if __name__ == "__main__":
    main()

"""Pruning single weights: PuRL and QLP beside global magnitude, before any fine-tuning.

    python benchmarks/stepwise_weights.py [--quick] [--json] [--keep DIR] [--model NAME]
                      [--trials N] [--seeds N] [--sparsity PERCENT ...] [--arm NAME ...]

Protocol, written before the first run. The task is a shared CIFAR-10 ResNet; a candidate is
masked, its batch norms are estimated again on 128 training images, and it is scored on 400 reward
images. Searches choose on those; reported is the accuracy of their choice on 1,000 *other*
images, of the test split, which no search sees. Searches (``qlp``, ``purl``, ``random``: random
densities scaled to the budget) have the same number of evaluations and no enqueued first
candidate. QLP's regimes are the sparsities 50, 80, 90, 95 and 98 % down to the one asked for.
Baselines need no search: ``global`` (one threshold for all weights, the baseline to beat),
``uniform`` (the same density everywhere) and ``alpha`` (one threshold in standard deviations of
each layer, the best of the scan that fits). Every (sparsity, arm, seed) is written to ``--keep
DIR`` as it finishes and not run again. There is no fine-tuning: on this machine an epoch of one
candidate costs as much as the whole comparison.
"""

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import optuna
import torch
from task import RECOVERY_IMAGES, Task, open_task

from edgeprune.evaluation import MaskedEvaluator, accuracy
from edgeprune.files import write_json
from edgeprune.pipeline.weights import weights_problem
from edgeprune.pruning import Densities, MaskSpace
from edgeprune.search import Outcome, make_reward, make_sampler, run_search

ARMS = ("global", "uniform", "alpha", "random", "purl", "qlp")
SPARSITIES = (50, 80, 90, 95, 98)
IMAGES = 400
TEST_IMAGES = 1000


class Bench:
    """One network, masked."""

    def __init__(self, task: Task) -> None:
        session = task.session
        self.space = MaskSpace(session.workload.model)
        self.model, self.splits = session.workload.model, session.workload.splits
        self.evaluate = MaskedEvaluator(
            model=self.model,
            space=self.space,
            template=session.space.template,
            train=self.splits.train,
            reward=self.splits.reward,
            device=session.device,
            images=RECOVERY_IMAGES,
            macs=session.space.macs(session.space.full),
        )
        self.test = self.splits.test.subset(TEST_IMAGES, 0)

    def run(self, arm: str, sparsity: int, trials: int, seed: int) -> dict[str, float]:
        """Choose densities, and score them on images that the choice did not see."""
        start = time.perf_counter()
        density = 1 - sparsity / 100
        outcomes: dict[tuple[int, ...], Outcome] = {}

        def evaluate(densities: Densities) -> Outcome:
            return outcomes.setdefault(tuple(densities.values()), self.evaluate(densities))

        if arm == "global":
            chosen = self.space.by_magnitude(density)
        elif arm == "uniform":
            chosen = self.space.uniform(density)
        elif arm == "alpha":
            steps = (self.space.by_deviations(step / 100) for step in range(1, 1000))
            chosen = next(one for one in steps if self.space.density(one) <= density)
        else:
            chosen = self._search(arm, density, trials, seed, evaluate)
        model = self.evaluate.masked(chosen)
        outcome = evaluate(chosen)
        return {
            "accuracy": accuracy(model, self.test),
            "reward": outcome.accuracy,
            "density": self.space.density(chosen),
            "bytes": outcome.bytes,
            "latency_ratio": outcome.latency_ratio,
            "evaluations": len(outcomes),
            "total_s": time.perf_counter() - start,
        }

    def _search(self, arm: str, density: float, trials: int, seed: int, evaluate: Any) -> Densities:
        problem = weights_problem(self.space, density)
        options: dict[str, Any] = {}
        if arm == "qlp":
            above = [round(1 - one / 100, 4) for one in SPARSITIES if 1 - one / 100 > density]
            options["regimes"] = [*above, density]
        with tempfile.TemporaryDirectory() as folder:
            result = run_search(
                problem,
                make_sampler(arm, problem, seed, trials, options),
                evaluate,
                make_reward("accuracy", density),
                trials=trials,
                directory=Path(folder),
            )
        within = [one for one in result.trials if problem.fits(one.widths)]
        return max(within, key=lambda one: one.reward).widths


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="90 % sparse, 12 trials, one seed")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--keep", type=Path, help="folder of finished results")
    parser.add_argument("--model", choices=("resnet20", "resnet56"), default="resnet20")
    parser.add_argument("--trials", type=int, default=150)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--sparsity", type=int, action="append", choices=SPARSITIES)
    parser.add_argument("--arm", action="append", choices=ARMS, help="default: all")
    options = parser.parse_args()
    torch.set_num_threads(1)
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    trials, seeds = (12, 1) if options.quick else (options.trials, options.seeds)
    sparsities = (90,) if options.quick else tuple(options.sparsity or SPARSITIES)
    figures: dict[str, float] = {"trials": trials, "seeds": seeds}
    with (
        tempfile.TemporaryDirectory() as folder,
        open_task(options.model, budget=0.5, images=IMAGES, folder=Path(folder)) as task,
    ):
        bench = Bench(task)
        for sparsity in sparsities:
            for arm in options.arm or ARMS:
                repeats = seeds if arm in {"random", "purl", "qlp"} else 1
                runs = []
                for seed in range(repeats):
                    name = f"{options.model}-{sparsity}-{trials}-{arm}-{seed}.json"
                    runs.append(kept(options.keep, name, bench, (arm, sparsity, trials, seed)))
                figures |= summary(f"{arm}_{options.model}_{sparsity}", runs)
    figures = {name: round(value, 4) for name, value in figures.items()}
    if options.json:
        print(json.dumps({"benchmark": "stepwise_weights", "figures": figures}, indent=2))
    else:
        for name, value in figures.items():
            print(f"{name:52} {value}")


def kept(folder: Path | None, name: str, bench: Bench, what: Any) -> dict[str, float]:
    """A finished result, or a new one that is written down."""
    if folder is None:
        return bench.run(*what)
    path = folder / name
    if not path.exists():
        found = bench.run(*what)
        folder.mkdir(parents=True, exist_ok=True)
        write_json(path, found)
    return dict(json.loads(path.read_text()))


def summary(name: str, runs: list[Mapping[str, float]]) -> dict[str, float]:
    """Medians over seeds."""
    figures = {
        key: statistics.median(one[key] for one in runs)
        for key in ("accuracy", "density", "bytes", "latency_ratio", "total_s")
    }
    return {
        name: figures["accuracy"],
        **{f"{name}_{key}": figures[key] for key in ("density", "bytes", "latency_ratio")},
        f"{name}_s": figures["total_s"],
    }


if __name__ == "__main__":
    main()

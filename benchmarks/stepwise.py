"""The stepwise samplers, PuRL and QLP, beside others at equal numbers of evaluations.

    python benchmarks/stepwise.py [--quick] [--json] [--keep DIR] [--model NAME] [--trials N]
                                  [--seeds N] [--budget RATIO] [--arm NAME ...]

Protocol, written before the first run. The task is `task.open_task`: a shared CIFAR-10 ResNet cut
in channels, latency from the simulated target (a formula with seeded noise). Accuracy is that of
`surrogate.Surrogate`, fitted to 900 real evaluations, so that arms and seeds can be many; it is
without fine-tuning. Every arm has the same number of evaluations, partial plans included, and no
enqueued first candidate. What is compared is the accuracy of the best candidate whose *measured*
latency is within the budget; a search that found none counts with the accuracy of chance, 0.1.
Reported are the median over seeds, the seconds a proposal takes, and differences of medians, in
percentage points. Every (arm, seed) is written to ``--keep DIR`` as it finishes and not run again.

Arms: ``purl`` and ``qlp`` as they are; ``qlp_partial``: plans evaluated as they are on the way to
the budget, as we read the paper, and not completed to it (``completed_over_partial``);
``*_terminal``: the same agent with all reward at the episode's end (``dense_over_terminal`` is the
mean of both differences); ``qlp_single``: one visit a group, actions over the same range in seven
even steps, direct (``multi_over_single`` compares it with ``qlp_direct``, which differs in the
visits and in the actions they need); ``qlp_direct``: no curriculum; ``qlp_seeing``: with the whole
cost as a third number in its state; ``qlp_random``: QLP's walk with random actions only (does
learning help?); ``amc``, ``bocr``, ``random`` and ``uniform``.
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
from surrogate import surrogate_evaluator
from task import Task, open_task

from edgeprune.files import write_json
from edgeprune.search import make_reward, make_sampler, run_search

CHANCE = 0.1
IMAGES = 400

#: Sampler and options of each arm.
ARMS: dict[str, tuple[str, Mapping[str, Any]]] = {
    "purl": ("purl", {}),
    "purl_terminal": ("purl", {"reward": "terminal"}),
    "qlp": ("qlp", {}),
    "qlp_terminal": ("qlp", {"reward": "terminal"}),
    "qlp_partial": ("qlp", {"evaluate": "partial"}),
    "qlp_direct": ("qlp", {"curriculum": False}),
    "qlp_single": (
        "qlp",
        {"curriculum": False, "sweeps": 1, "actions": [0.0, 0.15, 0.3, 0.45, 0.6, 0.75, 0.9]},
    ),
    "qlp_seeing": ("qlp", {"see_cost": True}),
    "qlp_random": ("qlp", {"learning_starts": 10**6, "last_epsilon": 1.0, "next_epsilon": 1.0}),
    "amc": ("amc", {"critic": "step"}),
    "bocr": ("bocr", {}),
    "random": ("random", {}),
    "uniform": ("uniform", {}),
}


def run(task: Task, evaluate: Any, arm: str, trials: int, seed: int) -> dict[str, float]:
    """One search."""
    name, options = ARMS[arm]
    problem = task.problem()
    start = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        result = run_search(
            problem,
            make_sampler(name, problem, seed, trials, options),
            evaluate,
            make_reward("accuracy", problem.target),
            trials=trials,
            directory=Path(folder),
        )
    within = [
        one.outcome.accuracy for one in result.trials if one.outcome.latency_ratio <= problem.target
    ]
    return {
        "accuracy": max(within, default=CHANCE),
        "within": len(within) / len(result.trials),
        "propose_s": statistics.median(one.seconds["propose"] for one in result.trials),
        "total_s": time.perf_counter() - start,
    }


def summary(found: Mapping[str, list[dict[str, float]]], model: str, budget: float) -> Any:
    """Flat figures: medians over seeds, and differences of medians in points."""
    median = {
        arm: statistics.median(one["accuracy"] for one in runs) for arm, runs in found.items()
    }
    figures: dict[str, float] = {}
    for arm, runs in found.items():
        accuracies = [one["accuracy"] for one in runs]
        figures[f"{arm}_{model}_{budget:g}x"] = median[arm]
        figures[f"{arm}_{model}_{budget:g}x_lowest"] = min(accuracies)
        figures[f"{arm}_{model}_{budget:g}x_highest"] = max(accuracies)
        figures[f"{arm}_{model}_{budget:g}x_propose_s"] = statistics.median(
            one["propose_s"] for one in runs
        )
        figures[f"{arm}_{model}_{budget:g}x_within"] = statistics.mean(
            one["within"] for one in runs
        )
    pairs = {
        "dense_over_terminal_purl": ("purl", "purl_terminal"),
        "dense_over_terminal_qlp": ("qlp", "qlp_terminal"),
        "multi_over_single": ("qlp_direct", "qlp_single"),
        "curriculum_over_direct": ("qlp", "qlp_direct"),
        "completed_over_partial": ("qlp", "qlp_partial"),
        "learning_over_random_actions": ("qlp", "qlp_random"),
    }
    for name, (one, other) in pairs.items():
        if one in median and other in median:
            figures[name] = 100 * (median[one] - median[other])
    dense = [
        figures[f"dense_over_terminal_{name}"]
        for name in ("purl", "qlp")
        if f"dense_over_terminal_{name}" in figures
    ]
    if dense:
        figures["dense_over_terminal"] = statistics.mean(dense)
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="ResNet-20, 30 trials, one seed")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--keep", type=Path, help="folder of finished (arm, seed) results")
    parser.add_argument("--model", choices=("resnet20", "resnet56"), default="resnet56")
    parser.add_argument("--budget", type=float, default=0.5)
    parser.add_argument("--trials", type=int, default=200)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--arm", action="append", choices=list(ARMS), help="default: all")
    options = parser.parse_args()
    torch.set_num_threads(1)
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    model = "resnet20" if options.quick else options.model
    trials, seeds = (30, 1) if options.quick else (options.trials, options.seeds)
    found: dict[str, list[dict[str, float]]] = {arm: [] for arm in options.arm or ARMS}
    with (
        tempfile.TemporaryDirectory() as folder,
        open_task(model, budget=options.budget, images=IMAGES, folder=Path(folder)) as task,
    ):
        evaluate = surrogate_evaluator(task, model)
        for seed in range(seeds):
            for arm, runs in found.items():
                name = f"{model}-{options.budget:g}-{trials}-{arm}-{seed}.json"
                path = options.keep / name if options.keep else None
                if path is None or not path.exists():
                    runs.append(run(task, evaluate, arm, trials, seed))
                    if path is not None:
                        path.parent.mkdir(parents=True, exist_ok=True)
                        write_json(path, runs[-1])
                else:
                    runs.append(json.loads(path.read_text()))
    figures = {"trials": trials, "seeds": seeds, **summary(found, model, options.budget)}
    figures = {name: round(value, 4) for name, value in figures.items()}
    if options.json:
        print(json.dumps({"benchmark": "stepwise", "figures": figures}, indent=2))
    else:
        for name, value in figures.items():
            print(f"{name:52} {value}")


if __name__ == "__main__":
    main()

"""The published systems beside black-box search, at equal evaluations and with the budget filled.

    python benchmarks/systems.py --keep DIR [--row resnet56:0.5] [--evaluations 80] [--seeds 5]
                                 [--arm NAME ...] [--real] [--branches] [--json]

The task is `task.open_task`: a shared CIFAR-10 ResNet, inner widths (with ``--branches`` residual
blocks may go too, with real weights alone), latency from the simulated target (a formula with
seeded noise). Accuracy, without fine-tuning, is that of
`surrogate.Surrogate`, fitted to 900 real evaluations, so that arms and seeds can be many; with
``--real`` it is that of real weights on 400 reward images. Every arm has the same number of
evaluations, partial plans included, and fills the budget as the product does; what is compared is
the accuracy of the best candidate whose *measured* latency is within the budget (0.1, chance,
where there is none). Curves are measured once a network with real weights and kept; `systems_arms`
says who is told them, and which arms are compared in pairs (``PAIRS``, in points; with the row and
the evaluations in the figure's name). Reported: median, lowest and highest over the seeds.
``rl_gain_over_best_black_box`` is the best system's median less the best black box's, in points.

Every (arm, seed) is written to ``--keep`` as it ends and not run again; ``--json`` prints the
figures of all that is there.
"""

import argparse
import json
import statistics
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import optuna
import torch
from surrogate import surrogate_evaluator
from systems_arms import ARMS, BLACK_BOX, PAIRS, SYSTEMS, Arm
from task import Task, open_task

from edgeprune.files import write_json
from edgeprune.search import Outcome, SearchProblem, Widths, fill, make_reward, run_search
from edgeprune.search.allocation import allocations
from edgeprune.search.samplers import make_sampler, sampler_spec

CHANCE = 0.1
IMAGES = 400
Evaluate = Callable[[Widths], Outcome]


def begun_with(arm: Arm, problem: SearchProblem, uniform: Widths) -> list[Widths]:
    """The plans that a search is given first."""
    if arm.sampler == "random":
        return []
    given = [] if not arm.told or sampler_spec(arm.sampler).begins else allocations(problem)
    plans = [*given, fill(replace(problem, curves=None), uniform)]
    return list({problem.key(widths): widths for widths in plans}.values())


def filled_uniform(problem: SearchProblem, evaluate: Evaluate, uniform: Widths) -> float:
    """Accuracy of the uniform plan, filled as far as its *measured* latency is in the budget."""
    for step in range(20):
        tighter = replace(problem, target=problem.target * (1 - 0.0025 * step))
        outcome = evaluate(fill(tighter, uniform))
        if outcome.latency_ratio <= problem.target:
            return outcome.accuracy
    return CHANCE


def search(task: Task, evaluate: Evaluate, arm: Arm, trials: int, seed: int) -> dict[str, Any]:
    """One search: the best accuracy within the budget after each evaluation."""
    # What is compared is the accuracy before fine-tuning: capacity is worth nothing here.
    problem = replace(task.problem(), worths=(0.0,))
    if not arm.told:
        problem = replace(problem, curves=None)
    start = time.perf_counter()
    if arm.sampler == "filled":
        return {
            "best": [filled_uniform(problem, evaluate, task.uniform())],
            "propose_s": 0.0,
            "total_s": time.perf_counter() - start,
        }
    with tempfile.TemporaryDirectory() as folder:
        result = run_search(
            problem,
            make_sampler(arm.sampler, problem, seed, trials, arm.options),
            evaluate,
            make_reward("accuracy", problem.target),
            trials=trials,
            directory=Path(folder),
            enqueue=begun_with(arm, problem, task.uniform()),
        )
    best, widths = [CHANCE], problem.smallest
    for one in result.trials:
        within = one.outcome.latency_ratio <= problem.target
        if within and one.outcome.accuracy > best[-1]:
            widths = one.widths
        best.append(max(best[-1], one.outcome.accuracy if within else CHANCE))
    return {
        "best": best[1:],
        "widths": widths,
        "propose_s": statistics.median(one.seconds["propose"] for one in result.trials),
        "total_s": time.perf_counter() - start,
    }


def figures(keep: Path) -> dict[str, float]:
    """Medians and ranges over the seeds of all that is kept."""
    found: dict[tuple[str, str], list[float]] = defaultdict(list)
    flat: dict[str, float] = {}
    for path in sorted(keep.glob("search-*.json")):
        model, budget, evaluations, kind, arm, _seed = path.stem.split("-")[1:]
        best = json.loads(path.read_text())["best"][-1]
        found[f"{model}_{budget}_{kind}", f"{arm}_{evaluations}"].append(best)
    medians: dict[str, dict[str, float]] = defaultdict(dict)
    for (row, name), values in sorted(found.items()):
        medians[row][name] = flat[f"{row}_{name}"] = statistics.median(values)
        flat[f"{row}_{name}_lowest"], flat[f"{row}_{name}_highest"] = min(values), max(values)
        flat[f"{row}_{name}_seeds"] = len(values)
    for row, known in medians.items():
        flat |= pair_gains(row, known)
        for evaluations in {name.rpartition("_")[2] for name in known}:
            ours, theirs = (
                [known[f"{arm}_{evaluations}"] for arm in arms if f"{arm}_{evaluations}" in known]
                for arms in (SYSTEMS, BLACK_BOX)
            )
            if ours and theirs:
                gain = 100 * (max(ours) - max(theirs))
                flat[f"rl_gain_over_best_black_box_{row}_{evaluations}"] = gain
    return flat


def pair_gains(row: str, known: dict[str, float]) -> dict[str, float]:
    """Differences of the medians that `PAIRS` names, for every number of evaluations."""
    gains = {}
    for name, (one, other) in PAIRS.items():
        for found in [found for found in known if found.rpartition("_")[0] == one]:
            evaluations = found.rpartition("_")[2]
            if f"{other}_{evaluations}" in known:
                gain = 100 * (known[found] - known[f"{other}_{evaluations}"])
                gains[f"{name}_{row}_{evaluations}"] = gain
    return gains


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="ResNet-20, 20 evaluations, one seed")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--keep", type=Path, help="folder of finished searches")
    parser.add_argument("--row", default="resnet56:0.5", help="MODEL:BUDGET")
    parser.add_argument("--evaluations", type=int, default=80)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--arm", action="append", choices=list(ARMS), help="default: all")
    parser.add_argument("--real", action="store_true", help="real weights")
    parser.add_argument("--branches", action="store_true", help="blocks may go; needs --real")
    options = parser.parse_args()
    if options.branches and not options.real:
        parser.error("--branches needs --real: the fitted accuracies know no removed blocks")
    torch.set_num_threads(1)
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    model, budget = options.row.split(":")
    trials, seeds = options.evaluations, options.seeds
    if options.quick:
        model, trials, seeds = "resnet20", 20, 1
    with tempfile.TemporaryDirectory() as folder:
        keep = options.keep or Path(folder) / "kept"
        keep.mkdir(parents=True, exist_ok=True)
        (Path(folder) / "task").mkdir()
        kind = "fitted"
        if options.real:
            kind = "branches" if options.branches else "real"
        with open_task(
            model,
            budget=float(budget),
            images=IMAGES,
            folder=Path(folder) / "task",
            branches=options.branches,
        ) as task:
            task.know_curves(keep / f"curves-{model}{'-branches' * options.branches}.json")
            evaluate = task.evaluator() if options.real else surrogate_evaluator(task, model)
            for seed in range(options.first_seed, options.first_seed + seeds):
                for name in options.arm or ARMS:
                    path = keep / f"search-{model}-{budget}x-{trials}-{kind}-{name}-{seed}.json"
                    if not path.exists():
                        write_json(path, search(task, evaluate, ARMS[name], trials, seed))
        found = {name: round(value, 4) for name, value in figures(keep).items()}
    if options.json:
        print(json.dumps({"benchmark": "systems", "figures": found}, indent=2))
    else:
        for name, value in found.items():
            print(f"{name:64} {value}")


if __name__ == "__main__":
    main()

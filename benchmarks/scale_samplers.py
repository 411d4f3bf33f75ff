"""The best reward with 1 and with 8 proposals outstanding: no benchmark itself."""

import itertools
import json
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
from task import Task

from edgeprune.search import Outcome, Widths, make_sampler, run_search
from edgeprune.search.problem import Key
from edgeprune.testing.samplers import Scrambled, accuracy_reward

SAMPLERS = ("knapsack", "amc", "bocr", "history")


def best_reward(
    task: Task,
    evaluate: Callable[[Widths], Outcome],
    sampler: str,
    seed: int,
    trials: int,
    outstanding: int,
) -> float:
    """The best reward within the budget; answers come in a random order.

    Args:
        task: whose problem is searched, with the uniform plan first, as in a pipeline.
        evaluate: widths to outcome.
        sampler: its name.
        seed: of sampler and order.
        trials: in all.
        outstanding: proposals at once.
    """
    problem = task.problem()
    several = outstanding > 1
    with tempfile.TemporaryDirectory() as folder:
        found = run_search(
            *(problem, make_sampler(sampler, problem, seed, trials, {})),
            Scrambled(evaluate, outstanding, trials, seed=seed) if several else evaluate,
            accuracy_reward,
            trials=trials,
            directory=Path(folder),
            enqueue=[task.uniform()],
            outstanding=outstanding,
        )
    return found.best.reward


def losses(
    task: Task, evaluate: Callable[[Widths], Outcome], seeds: int, trials: int, kept: Path | None
) -> dict[str, float]:
    """Points of reward that 8 outstanding proposals cost each sampler, and how sure that is."""
    problem, known = task.problem(), dict[Key, Outcome]()

    def remembered(widths: Widths) -> Outcome:
        key = problem.key(widths)
        if key not in known:
            known[key] = evaluate(widths)
        return known[key]

    rewards: dict[str, list[list[float]]] = {sampler: [] for sampler in SAMPLERS}
    for seed, sampler in itertools.product(range(seeds), SAMPLERS):  # equal seeds, if it is ended
        pair = []
        for outstanding in (1, 8):
            name = f"{sampler}-{seed}-{trials}-{outstanding}"
            found = _kept(kept, name)
            if found is None:
                found = best_reward(task, remembered, sampler, seed, trials, outstanding)
                _keep(kept, name, found)
            pair.append(100 * found)
        rewards[sampler].append(pair)
    figures: dict[str, float] = {}
    for sampler, pairs in rewards.items():
        one, eight = np.array(pairs).T
        figures[f"best_1_{sampler}"] = float(one.mean())
        figures[f"best_8_{sampler}"] = float(eight.mean())
        figures[f"best_loss_8_{sampler}"] = float((one - eight).mean())
        error = (one - eight).std(ddof=1) / np.sqrt(seeds)
        figures[f"best_loss_8_{sampler}_error"] = float(error)
    mean = float(np.mean([figures[f"best_loss_8_{sampler}"] for sampler in SAMPLERS]))
    return {"best_loss_8_outstanding": mean, **figures}


def _kept(folder: Path | None, name: str) -> float | None:
    if folder is None or not (path := folder / f"{name}.json").exists():
        return None
    return float(json.loads(path.read_text()))


def _keep(folder: Path | None, name: str, value: float) -> None:
    if folder is not None:
        folder.mkdir(exist_ok=True)
        (folder / f"{name}.json").write_text(json.dumps(value))

"""The best reward with 1 and with 8 proposals outstanding: no benchmark itself."""

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

    figures: dict[str, float] = {}
    means = []
    for sampler in SAMPLERS:
        rewards = np.array(
            [
                [
                    _kept(kept, f"{sampler}-{seed}-{trials}-{outstanding}")
                    or _keep(
                        kept,
                        f"{sampler}-{seed}-{trials}-{outstanding}",
                        best_reward(task, remembered, sampler, seed, trials, outstanding),
                    )
                    for outstanding in (1, 8)
                ]
                for seed in range(seeds)
            ]
        )
        lost = 100 * (rewards[:, 0] - rewards[:, 1])
        means.append(float(lost.mean()))
        figures[f"best_1_{sampler}"] = 100 * float(rewards[:, 0].mean())
        figures[f"best_8_{sampler}"] = 100 * float(rewards[:, 1].mean())
        figures[f"best_loss_8_{sampler}"] = means[-1]
        figures[f"best_loss_8_{sampler}_error"] = float(lost.std(ddof=1) / np.sqrt(seeds))
    return {"best_loss_8_outstanding": float(np.mean(means)), **figures}


def _kept(folder: Path | None, name: str) -> float | None:
    if folder is None or not (path := folder / f"{name}.json").exists():
        return None
    return float(json.loads(path.read_text()))


def _keep(folder: Path | None, name: str, value: float) -> float:
    if folder is not None:
        folder.mkdir(exist_ok=True)
        (folder / f"{name}.json").write_text(json.dumps(value))
    return value

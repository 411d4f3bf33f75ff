"""How BOCR compares with other samplers at the same number of evaluations.

    python benchmarks/bocr.py [--quick] [--json] [--setting NAME ...] [--arm NAME ...]
                              [--trials N] [--seeds N] [--images N] [--keep DIR]

Protocol, fixed before the first run:

- Settings: ``latency``, the shared CIFAR-10 ResNet-56 at 0.5x latency of the simulated target,
  and ``macs``, the same at 50 % of its multiply-accumulates (27 channel groups each; accuracy is
  real, after least squares and batch-norm re-estimation, on a few reward images; see
  `task.py`); ``latency_fitted`` and ``macs_fitted``, the same with accuracies from `surrogate.py`,
  a Gaussian process fitted to 900 real evaluations, so that all arms and seeds fit into an hour
  (``unseen`` stays real); ``synthetic``, 27 layers whose accuracy and latency are formulas and
  whose importance scores tell sensitive layers from others, which is what BOCR supposes.
- Every arm but ``random`` is given the uniform plan at the budget first, as in a pipeline. One
  trial is one evaluation. Seeds are the outer loop: when the time is up, arms have equal seeds.
- Arms: ``random``, ``amc``, ``tpe`` and ``optuna_gp`` (Optuna's, projected into the budget),
  ``gp`` (our Gaussian process without clusters), ``cluster`` (3 clusters, never untied),
  ``direct`` and ``gradual``; ``direct_free`` and ``gradual_free`` keep the problem's bounds after
  a rollback, where BOCR takes its elites'.
- Ablation of what makes direct's clusters: ``direct_shuffled`` (scores dealt out to the groups
  at random, another deal for each seed: a random partition of the same sizes), ``direct_stage``
  (the net's three stages) and ``direct_sensitivity`` (logarithm of the cross entropy that
  cutting a group to half adds, per budget it saves, each measured with one evaluation on the
  reward images, which the arm has fewer for its search).
- ``best_at_N_ARM`` is the mean over seeds of the best reward within the budget so far;
  ``unseen_ARM`` the accuracy of the last best one on 1,000 images that no search saw.
  ``evals_to_gp_best`` is the first N at which direct or gradual, by their means, reach what gp
  has at the end (0: never). ``propose_seconds_at_200`` is apart from all this: 54 groups in no
  clusters, 200 random points, median of five proposals.

Searches of fewer than 200 trials have BOCR's clocks shortened (`BocrOptions.resolved`).
``--keep`` saves every search as it finishes, and takes up those it finds there.
"""

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import torch
from bocr_arms import ARMS, make_arm
from bocr_settings import SETTINGS, Setting, deep_net

from edgeprune.search import make_sampler, run_search
from edgeprune.search.distributions import distributions
from edgeprune.search.fitting import fit_to_budget
from edgeprune.testing.samplers import accuracy_reward

Record = dict[str, Any]


def searched(setting: Setting, arm: str, seed: int, trials: int) -> Record:
    """One search: the best reward so far after each evaluation, and what it cost."""
    problem = setting.problem()
    uniform = fit_to_budget(problem, dict.fromkeys(problem.groups, 1.0))
    # What was measured to find clusters is paid for with evaluations.
    paid = len(problem.groups) if arm == "direct_sensitivity" else 0
    sampler = make_arm(arm, setting, problem, seed, trials - paid)
    with tempfile.TemporaryDirectory() as folder:
        result = run_search(
            problem,
            sampler,
            setting.evaluate,
            accuracy_reward,
            trials=trials - paid,
            directory=Path(folder),
            enqueue=[] if arm == "random" else [uniform],
        )
    within = [trial.outcome.latency_ratio <= problem.target for trial in result.trials]
    rewards = np.where(within, [trial.reward for trial in result.trials], 0.0)
    best = np.maximum.accumulate(rewards)
    return {
        "best": [*[float(best[0])] * paid, *map(float, best)],
        "propose_s": float(np.median([one.seconds["propose"] for one in result.trials[-10:]])),
        "stages": [[one.clusters, one.since] for one in getattr(sampler, "stages", [])],
        "widths": result.best.widths,
        "unseen": setting.unseen(result.best.widths),
    }


def propose_seconds() -> float:
    """Seconds of one proposal at 200 points in 54 dimensions."""
    net = deep_net(layers=54)
    problem = net.problem()
    space = distributions(problem)
    drawn = optuna.create_study(
        direction="maximize", sampler=make_sampler("random", problem, 0, 200, {})
    )
    for _ in range(200):
        trial = drawn.ask(space)
        drawn.tell(trial, net.evaluate(trial.params).accuracy)
    sampler = make_sampler("bocr", problem, 0, 1000, {"clusters": 1000})
    study = optuna.create_study(direction="maximize", sampler=sampler)
    study.add_trials(drawn.trials)
    seconds = []
    for _ in range(6):
        start = time.perf_counter()
        trial = study.ask(space)
        seconds.append(time.perf_counter() - start)
        study.tell(trial, net.evaluate(trial.params).accuracy)
    return float(np.median(seconds[1:]))


def figures_of(name: str, records: dict[str, list[Record]], trials: int) -> dict[str, float]:
    """The figures of one setting, from the searches that are there."""
    figures: dict[str, float] = {}
    curves = {arm: np.array([one["best"] for one in found]) for arm, found in records.items()}
    for arm, curve in curves.items():
        for count in sorted({max(1, trials * quarter // 4) for quarter in (1, 2, 3, 4)}):
            figures[f"best_at_{count}_{arm}_{name}"] = float(curve[:, count - 1].mean())
        figures[f"deviation_at_{trials}_{arm}_{name}"] = float(curve[:, -1].std())
        figures[f"unseen_{arm}_{name}"] = float(np.mean([one["unseen"] for one in records[arm]]))
        figures[f"propose_s_{arm}_{name}"] = float(
            np.mean([one["propose_s"] for one in records[arm]])
        )
        figures[f"seeds_{arm}_{name}"] = len(curve)
    if "gp" in curves:
        goal = curves["gp"][:, -1].mean()
        reached = []
        for arm in curves:
            ahead = np.flatnonzero(curves[arm].mean(axis=0) >= goal)
            count = int(ahead[0]) + 1 if len(ahead) else 0
            figures[f"evals_to_gp_best_{arm}_{name}"] = count
            if count and arm in {"direct", "gradual"}:
                reached.append(count)
        figures[f"evals_to_gp_best_{name}"] = min(reached, default=0)
    return figures


def kept(keep: Path | None, name: str) -> Record | None:
    path = keep / name if keep else None
    return json.loads(path.read_text()) if path and path.exists() else None


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="synthetic, 24 trials, one seed")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--setting", action="append", choices=list(SETTINGS))
    parser.add_argument("--arm", action="append", choices=ARMS, help="default: all")
    parser.add_argument("--trials", type=int, default=200)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--images", type=int, default=300, help="reward images")
    parser.add_argument("--keep", type=Path, help="folder of finished searches")
    options = parser.parse_args()
    torch.set_num_threads(1)
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    trials, seeds = (24, 1) if options.quick else (options.trials, options.seeds)
    settings = ["synthetic"] if options.quick else options.setting or ["latency", "macs"]
    if options.keep:
        options.keep.mkdir(parents=True, exist_ok=True)
    figures: dict[str, float] = {"trials": trials, "seeds": seeds, "images": options.images}
    for name in settings:
        records: dict[str, list[Record]] = {}
        with (
            tempfile.TemporaryDirectory() as folder,
            SETTINGS[name](Path(folder), options.images) as setting,
        ):
            for seed in range(seeds):
                for arm in options.arm or ARMS:
                    file = f"{name}-{arm}-{trials}-{options.images}-{seed}.json"
                    record = kept(options.keep, file)
                    if record is None:
                        start = time.perf_counter()
                        record = searched(setting, arm, seed, trials)
                        record["seconds"] = time.perf_counter() - start
                        if options.keep:
                            (options.keep / file).write_text(json.dumps(record))
                    records.setdefault(arm, []).append(record)
                    print(f"{file} {record['best'][-1]:.4f}", file=sys.stderr, flush=True)
        figures |= figures_of(name, records, trials)
    figures["propose_seconds_at_200"] = propose_seconds()
    figures = {name: round(value, 4) for name, value in figures.items()}
    if options.json:
        print(json.dumps({"benchmark": "bocr", "figures": figures}, indent=2))
    else:
        for name, value in figures.items():
            print(f"{name:52} {value}")


if __name__ == "__main__":
    main()

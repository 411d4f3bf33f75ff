"""How BOCR compares with other samplers at the same number of evaluations.

    python benchmarks/bocr.py [--quick] [--json] [--trials N] [--seeds N] [--net NAME ...]

Two synthetic nets whose accuracy and latency are formulas, so that an evaluation takes no time:
``small`` has 6 groups, and what is alike in structure is not alike in sensitivity (similarity
misleads); ``deep`` has 27 groups of three sensitivities, and importance scores that tell them
apart (what BOCR supposes). The arms of BOCR on ``deep``: with these scores (``bocr``, gradual and
none), with scores dealt out at random (``bocr_shuffled``: what a random partition of about the
same sizes does), and without clusters (``gp``).
"""

import argparse
import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import optuna
import torch
from optuna.samplers import BaseSampler

from edgeprune.search import SearchProblem, make_sampler, run_search
from edgeprune.search.samplers.bocr import BocrSampler
from edgeprune.search.samplers.bocr_clusters import Scores
from edgeprune.search.samplers.bocr_options import BocrOptions
from edgeprune.testing.samplers import SmallNet, accuracy_reward

Make = Callable[[SearchProblem, int, int], BaseSampler]

_KINDS = (0.02, 0.1, 0.5)  # accuracy lost with a layer, by kind
_ORDER = np.random.default_rng(7).permutation(np.repeat([0, 1, 2], 9))
NETS = {
    "small": SmallNet(noise=0.005),
    "deep": SmallNet(
        channels=(16,) * 9 + (32,) * 9 + (64,) * 9,
        sensitivity=tuple(_KINDS[kind] for kind in _ORDER),
        noise=0.005,
    ),
}


def scores_of_deep(*, shuffled: bool) -> Scores:
    """Importance of the deep net's units: each kind has a spread of its own."""
    draw = np.random.default_rng(3)
    kinds = draw.permutation(_ORDER) if shuffled else _ORDER
    net = NETS["deep"]
    return {
        name: draw.normal(20, (0.5, 1.5, 4.0)[kind], full)
        for name, full, kind in zip(net.names, net.channels, kinds, strict=True)
    }


def arms(net: str) -> dict[str, Make]:
    """The samplers compared on one net, by name."""

    def bocr(scores: Scores | None = None, **options: object) -> Make:
        chosen = BocrOptions.from_mapping(options)
        return lambda problem, seed, trials: BocrSampler(
            problem, seed, trials, chosen, scores=scores
        )

    def named(name: str) -> Make:
        return lambda problem, seed, trials: make_sampler(name, problem, seed, trials, {})

    found = {
        "random": named("random"),
        "amc": named("amc"),
        "tpe": named("optuna:TPESampler"),
        "gp": bocr(clusters=1000),
    }
    if net == "small":
        return {**found, "bocr": bocr(), "bocr_gradual": bocr(rollback="gradual")}
    scores, shuffled = scores_of_deep(shuffled=False), scores_of_deep(shuffled=True)
    return {
        **found,
        "bocr": bocr(scores),
        "bocr_gradual": bocr(scores, rollback="gradual"),
        "bocr_none": bocr(scores, rollback="none"),
        "bocr_shuffled": bocr(shuffled),
    }


def measure(name: str, make: Make, trials: int, seeds: int) -> tuple[np.ndarray, float]:
    """Best true accuracy so far, (seeds, trials), and seconds per proposal late in a search."""
    net = NETS[name]
    problem = net.problem()
    curves, late = [], []
    for seed in range(seeds):
        with tempfile.TemporaryDirectory() as folder:
            result = run_search(
                problem,
                make(problem, seed, trials),
                net.evaluate,
                accuracy_reward,
                trials=trials,
                directory=Path(folder),
            )
        rewards = [trial.reward for trial in result.trials]
        best = [int(np.argmax(rewards[: count + 1])) for count in range(len(rewards))]
        curves.append([net.accuracy(result.trials[index].widths) for index in best])
        late += [trial.seconds["propose"] for trial in result.trials[-10:]]
    return np.array(curves), float(np.median(late))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="24 trials, one seed")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--trials", type=int, default=80)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--net", action="append", choices=list(NETS), help="default: both")
    parser.add_argument("--arm", action="append", help="default: all")
    options = parser.parse_args()
    torch.set_num_threads(1)
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    trials, seeds = (24, 1) if options.quick else (options.trials, options.seeds)
    figures: dict[str, float] = {"trials": trials, "seeds": seeds}
    start = time.perf_counter()
    for net in options.net or NETS:
        curves: dict[str, np.ndarray] = {}
        for arm, make in arms(net).items():
            if options.arm and arm not in options.arm:
                continue
            curves[arm], seconds = measure(net, make, trials, seeds)
            for share in (0.25, 0.5, 1.0):
                count = round(share * trials)
                best = curves[arm][:, count - 1]
                figures[f"best_at_{count}_{net}_{arm}"] = float(best.mean())
            figures[f"best_at_{trials}_deviation_{net}_{arm}"] = float(best.std())
            figures[f"propose_s_at_{trials}_{net}_{arm}"] = seconds
        if "gp" in curves and "bocr" in curves:
            ahead = curves["bocr"].mean(axis=0) >= curves["gp"][:, -1].mean()
            # 0: it never got there.
            figures[f"evals_to_gp_best_{net}"] = int(np.argmax(ahead)) + 1 if ahead.any() else 0
    figures["total_s"] = time.perf_counter() - start
    figures = {name: round(value, 4) for name, value in figures.items()}
    if options.json:
        print(json.dumps({"benchmark": "bocr", "figures": figures}, indent=2))
    else:
        for name, value in figures.items():
            print(f"{name:52} {value}")


if __name__ == "__main__":
    main()

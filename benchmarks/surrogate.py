"""Accuracy of a pruned network as a function of its widths, fitted to real evaluations.

    python benchmarks/surrogate.py gather resnet56 --count 1200 [--seed N] [--images N]
    python benchmarks/surrogate.py check [--json]

A benchmark of samplers needs tens of thousands of evaluations; on two cores one of ResNet-56 takes
seconds. So evaluations are made once, with real weights, recovery and reward images (`task.py`),
and kept in ``data/MODEL.csv``; a Gaussian process is fitted to them, and the samplers search its
mean. This is the way of surrogate benchmarks (Eggensperger et al., AAAI 2015; Siems et al.,
NAS-Bench-301). The points are spread over all budgets: random plans (40 %), plans near the uniform
one (15 %), and changes of the best plans so far (45 %), so that the fit is good where good samplers
go. ``check`` prints the fit's error on points left out. Latency is no part of it: it comes from the
simulated target, as in `task.py`.
"""

import argparse
import csv
import json
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cached_property
from pathlib import Path

import numpy as np
from scipy.stats import spearmanr
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import ConstantKernel, Matern, WhiteKernel
from sklearn.model_selection import KFold
from task import Task, open_task

from edgeprune.search import Outcome, Widths
from edgeprune.search.fitting import fit_to_budget

DATA = Path(__file__).parent / "data"
#: Points that length scales are chosen on; with all of them it takes an hour.
_TUNED_ON = 400
_BUDGETS = (0.3, 0.9)
_ELITE = 8
_FOLDS = 5


class Surrogate:
    """Accuracy from widths.

    Args:
        path: a table of evaluations, as `gather` writes it.
    """

    def __init__(self, path: Path) -> None:
        with path.open() as file:
            header, *rows = list(csv.reader(file))
        *self.groups, _latency, _accuracy = header
        table = np.array(rows, dtype=float).reshape(len(rows), len(header))
        self.widths, self.latency, self.accuracy = table[:, :-2], table[:, -2], table[:, -1]

    @classmethod
    def of(cls, model: str) -> "Surrogate":
        """The surrogate of a shared checkpoint, by the model's name."""
        return cls(DATA / f"{model}.csv")

    def __call__(self, widths: Widths) -> float:
        """Accuracy of a plan, between 0 and 1."""
        point = np.array([[widths[group] for group in self.groups]], dtype=float)
        return float(_accuracy(self._process.predict(point / self._full))[0])

    @cached_property
    def _full(self) -> np.ndarray:
        return self.widths.max(axis=0)

    @cached_property
    def _process(self) -> GaussianProcessRegressor:
        return _fit(self.widths / self._full, self.accuracy)

    def check(self) -> dict[str, float]:
        """Errors on points left out: five folds."""
        inputs = self.widths / self._full
        guesses = np.empty_like(self.accuracy)
        for known, left_out in KFold(_FOLDS, shuffle=True, random_state=0).split(inputs):
            process = _fit(inputs[known], self.accuracy[known])
            guesses[left_out] = _accuracy(process.predict(inputs[left_out]))
        good = self.accuracy >= np.quantile(self.accuracy, 0.5)
        return {
            "points": len(inputs),
            "mean_abs_error_points": 100 * float(np.abs(guesses - self.accuracy).mean()),
            "mean_abs_error_points_better_half": 100
            * float(np.abs(guesses - self.accuracy)[good].mean()),
            "rank_correlation": float(spearmanr(guesses, self.accuracy).statistic),
            "rank_correlation_better_half": float(
                spearmanr(guesses[good], self.accuracy[good]).statistic
            ),
        }


def surrogate_evaluator(task: Task, model: str) -> Callable[[Widths], Outcome]:
    """Evaluates widths in milliseconds: accuracy from the fit, latency from the simulated target.

    Args:
        task: the open task.
        model: the shared checkpoint whose evaluations are used.
    """
    accuracy, session = Surrogate.of(model), task.session

    def evaluate(widths: Widths) -> Outcome:
        comparison = session.compare(widths)
        return Outcome(
            accuracy=accuracy(widths),
            latency_ms=comparison.candidate.level_ms,
            latency_ratio=comparison.ratio,
            macs=session.space.macs(widths),
            parameters=session.space.params(widths),
            bytes=0,
            details={"seconds": {}} | comparison.to_json(),
        )

    return evaluate


def _fit(inputs: np.ndarray, accuracy: np.ndarray) -> GaussianProcessRegressor:
    """A Matérn-5/2 process with a length scale per group; scales from some of the points."""
    kernel = ConstantKernel(1.0) * Matern([1.0] * inputs.shape[1], nu=2.5) + WhiteKernel(0.01)
    targets = _logit(accuracy)
    chosen = np.random.default_rng(0).permutation(len(inputs))[:_TUNED_ON]
    tuned = GaussianProcessRegressor(kernel, normalize_y=True).fit(inputs[chosen], targets[chosen])
    process = GaussianProcessRegressor(tuned.kernel_, optimizer=None, normalize_y=True)
    return process.fit(inputs, targets)


def _logit(accuracy: np.ndarray) -> np.ndarray:
    inside = accuracy.clip(0.02, 0.99)
    return np.log(inside / (1 - inside))


def _accuracy(logit: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-logit))


def gather(task: Task, path: Path, count: int, seed: int) -> None:
    """Append evaluations to a table until this call has added `count`."""
    groups = task.problem().groups
    if not path.exists():
        path.parent.mkdir(exist_ok=True)
        path.write_text(",".join([*groups, "latency_ratio", "accuracy"]) + "\n")
    evaluate = task.evaluator()
    for number, widths in enumerate(_plans(task, path, seed)):
        if number == count:
            return
        outcome = evaluate(widths)
        numbers = [f"{outcome.latency_ratio:.5f}", f"{outcome.accuracy:.5f}"]
        with path.open("a") as file:
            file.write(",".join([*(str(widths[group]) for group in groups), *numbers]) + "\n")


def _plans(task: Task, path: Path, seed: int) -> Iterator[Widths]:
    rng = np.random.default_rng(seed)
    problem = task.problem()
    while True:
        budget = float(rng.uniform(*_BUDGETS))
        kind = rng.choice(["random", "uniform", "elite"], p=[0.4, 0.15, 0.45])
        known = Surrogate(path) if kind == "elite" else None
        if known is not None and np.any(within := known.latency <= budget):
            best = np.flatnonzero(within)[np.argsort(-known.accuracy[within])[:_ELITE]]
            base = known.widths[rng.choice(best)] / [problem.full[each] for each in problem.groups]
            changed = rng.random(len(base)) < 0.3
            ratios = base * np.exp(0.4 * changed * rng.standard_normal(len(base)))
        elif kind == "uniform":
            ratios = np.exp(0.2 * rng.standard_normal(len(problem.groups)))
        else:
            ratios = rng.uniform(0.1, 1.0, len(problem.groups))
        shape = dict(zip(problem.groups, map(float, ratios), strict=True))
        yield fit_to_budget(replace(problem, target=budget), shape)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    gathering = commands.add_parser("gather", help="evaluate more plans")
    gathering.add_argument("model", choices=("resnet20", "resnet56"))
    gathering.add_argument("--count", type=int, default=1200)
    gathering.add_argument("--images", type=int, default=400)
    gathering.add_argument("--seed", type=int, default=0)
    gathering.add_argument("--to", type=Path, help="the table; data/MODEL.csv by default")
    checking = commands.add_parser("check", help="errors of the fits")
    checking.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args()
    if options.command == "gather":
        path = options.to or DATA / f"{options.model}.csv"
        with (
            tempfile.TemporaryDirectory() as folder,
            open_task(
                options.model, budget=0.5, images=options.images, folder=Path(folder)
            ) as task,
        ):
            gather(task, path, options.count, options.seed)
        return
    figures = {
        f"{name}_{path.stem}": round(value, 4)
        for path in sorted(DATA.glob("*.csv"))
        for name, value in Surrogate(path).check().items()
    }
    if options.json:
        print(json.dumps({"benchmark": "surrogate", "figures": figures}, indent=2))
    else:
        for name, value in figures.items():
            print(f"{name:50} {value}")


if __name__ == "__main__":
    main()

"""How many trials a search saves by what was searched on the same device before.

    python benchmarks/history.py [--quick] [--json] [--keep DIR] [--plot FILE.html]
                                 [--trials N] [--seeds N] [--first-seed N] [--real] [--told]
                                 [--row SOURCE:TARGET:BUDGET ...] [--arm NAME ...]

Protocol, fixed before the first run:

- Rows: one network's searches help another's, on the simulated target, at one latency budget.
  Every search begins with the widest uniform plan. Accuracy before fine-tuning is what is
  searched for: capacity is worth nothing. The task is that of `benchmarks/task.py`, with
  accuracies from `benchmarks/surrogate.py`: fitted to real evaluations, without the noise of few
  reward images. The fit is a Gaussian process, and so is the assistant, which favours it: the
  plans that cold and all end with are therefore evaluated for real (``real_gain_...``, median over
  the seeds of the difference in accuracy on 500 reward images).
- ``--real`` searches with real weights on 500 reward images instead, also for MobileNetV1 x0.5,
  which has no fitted accuracies.
- ``--told``: all searches are told the target's sensitivity curves, as a pipeline's are, and begin
  with uniform and the allocation; the way is counted from the better of both.
- Seeds are 10 to 14; the sampler was developed on 0 to 3, with 60 trials.
- The source of seed s: the cold AMC searches of the source network at the same budget with seeds
  s and s+1 (cyclic); the first for *transfer* alone, both otherwise. Their trials are counted
  apart (``source_trials``).
- Figure: trials until the best reward within the measured budget has gone 95 % of the way from
  uniform's reward to the cold AMC's final best, the median over the seeds. A search that does not
  get there counts as N + 1 trials. A speedup is the median of cold over the median of the arm.
  Searches other than cold and shipped end when they are there.
- Arms: cold (AMC by its default critic); shipped (the sampler as it is); transfer (one source's
  actor and critic); augmented (those of all, which is what is shipped: other networks' best are
  not replayed); assistant (augmented, and its pick); unassisted (augmented, and the best of the
  sources first); three (all of these); replay (cold AMC, but the best of the sources first);
  random_assistant (no agent); shuffled (shipped, with the sources' rewards shuffled: the negative
  control); inverted (shipped, and the sources praise what was worst: harder, their rewards do
  follow from their widths); cold_gp (Optuna's Gaussian process without any source: how much of
  it is the model, not the history).
- Every search is kept in DIR as it ends, and a second start goes on from there; what is missing
  is said in ``missing``. Rows without a shared checkpoint are skipped and named.
"""

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import torch
from history_figures import Curves, draw, goal_of, name_of, parts_of, summary
from surrogate import DATA, surrogate_evaluator
from task import SHARED, Task, open_task

from edgeprune.files import write_json
from edgeprune.search import (
    Outcome,
    SearchTrial,
    SourceRun,
    Widths,
    make_reward,
    make_sampler,
    run_search,
)
from edgeprune.search.allocation import Allocator

IMAGES = 500
ROWS = (
    "resnet56:resnet20:0.5",
    "resnet20:resnet56:0.5",
    "resnet56:resnet20:0.7",
    "resnet20:resnet56:0.7",
    "resnet56:mobilenetv1-050:0.5",
    "resnet20:mobilenetv1-050:0.5",
)
_COLD: tuple[str, dict[str, Any], str] = ("amc", {}, "none")
_OFF = {"transfer": False, "augmented": False, "assistant": False, "replay": False}
#: The paper's three mechanisms and ours.
_THREE = {"assistant": True, "replay_others": True}
#: Sampler, options, and which sources it gets.
ARMS: dict[str, tuple[str, dict[str, Any], str]] = {
    "shipped": ("history", {}, "both"),
    "three": ("history", _THREE, "both"),
    "unassisted": ("history", {"replay_others": True}, "both"),
    "shuffled": ("history", {}, "shuffled"),
    "inverted": ("history", {}, "inverted"),
    "replay": ("history", {**_OFF, "replay": True, "replay_others": True}, "both"),
    "assistant": ("history", {**_OFF, "augmented": True, "assistant": True}, "both"),
    "random_assistant": ("history", {**_OFF, "assistant": True, "proposer": "random"}, "both"),
    "augmented": ("history", {**_OFF, "augmented": True}, "both"),
    "transfer": ("history", {**_OFF, "transfer": True}, "one"),
    "cold_gp": ("optuna:GPSampler", {}, "none"),
}
Evaluate = Callable[[Widths], Outcome]
_TO_THE_END = {"cold", "shipped"}


class _ThereError(Exception):
    """The search has got where it had to."""


@dataclass
class Bench:
    """All searches of the benchmark, those of earlier starts included.

    Attributes:
        keep: one JSON file for each finished search.
        trials: of one search.
        seeds: of the searches.
        tasks: open ones by model and budget.
        arms: those that are run; others, and cold, only if they were before.
        told: searches know the curves.
    """

    keep: Path
    trials: int
    seeds: range
    tasks: Callable[[str, float], tuple[Task, Evaluate]]
    arms: tuple[str, ...] = tuple(ARMS)
    told: bool = False

    @property
    def given(self) -> int:
        """Plans that every search begins with."""
        return 2 if self.told else 1

    def cold(self, model: str, budget: float, seed: int) -> dict[str, Any]:
        """A cold AMC search; it is also a source of the other network's."""
        name = f"cold-{model}-{budget}-{seed}"
        return self._search(name, model, budget, seed, "cold", _COLD, (), None)

    def arm(self, row: str, seed: int, arm: str, goal: float | None) -> dict[str, Any]:
        """A search of the target network with what the arm may use."""
        source, target, budget = parts_of(row)
        kept = [
            SourceRun.from_json(self.cold(source, budget, one)["source"])
            for one in (seed, self.seeds[(seed + 1 - self.seeds.start) % len(self.seeds)])
        ]
        kind = ARMS[arm][2]
        sources = {"none": [], "one": kept[:1]}.get(kind, kept if len(self.seeds) > 1 else kept[:1])
        if kind == "shuffled":
            draw = np.random.default_rng(seed)
            sources = [replace(one, rewards=draw.permutation(one.rewards)) for one in sources]
        if kind == "inverted":
            ends = [one.rewards.max() + one.rewards.min() for one in sources]
            sources = [
                replace(one, rewards=end - one.rewards)
                for one, end in zip(sources, ends, strict=True)
            ]
        name = self.path(row, seed, arm).stem
        spec = ARMS[arm]
        return self._search(name, target, budget, seed, arm, spec, tuple(sources), goal)

    def path(self, row: str, seed: int, arm: str) -> Path:
        """Where a search is kept."""
        return self.keep / f"{row.replace(':', '-')}-{arm}-{seed}.json"

    def _search(
        self,
        name: str,
        model: str,
        budget: float,
        seed: int,
        arm: str,
        spec: tuple[str, dict[str, Any], str],
        sources: tuple[SourceRun, ...],
        goal: float | None,
    ) -> dict[str, Any]:
        path = self.keep / f"{name}.json"
        if path.exists():
            return dict(json.loads(path.read_text()))
        task, evaluate = self.tasks(model, budget)
        # What is compared is the accuracy before fine-tuning: capacity is worth nothing here.
        problem = replace(task.problem(), sources=sources, worths=(0.0,))
        allocated = [Allocator(problem).widths()] if self.told else []
        sampler: Any = make_sampler(spec[0], problem, seed, self.trials, spec[1])
        found: list[SearchTrial] = []
        expected = []
        best: list[float] = []

        def on_trial(trial: SearchTrial) -> None:
            found.append(trial)
            expected.append(getattr(sampler, "predicted_reward", None))
            within = trial.outcome.latency_ratio <= budget
            reward = trial.reward if within else -1.0
            best.append(max(reward, best[-1] if best else reward))
            if goal is not None and arm not in _TO_THE_END and best[-1] >= goal:
                raise _ThereError

        start = time.perf_counter()
        with tempfile.TemporaryDirectory() as folder:
            try:
                run_search(
                    problem,
                    sampler,
                    evaluate,
                    make_reward("accuracy", budget),
                    trials=self.trials,
                    directory=Path(folder),
                    on_trial=on_trial,
                    enqueue=[task.uniform(), *allocated],
                )
            except _ThereError:
                pass
        ratios = [[one.widths[g] / problem.full[g] for g in problem.groups] for one in found]
        kept = SourceRun(
            name,
            problem.feature_names,
            problem.features,
            np.array(ratios),
            np.array([one.reward for one in found]),
            np.array([one.outcome.latency_ratio for one in found]),
            budget,
            np.array(ratios),
        )
        within = [one for one in found if one.outcome.latency_ratio <= budget] or found
        record = {
            "best": best,
            "widths": max(within, key=lambda one: one.reward).widths,
            "expected": expected,
            "trusted": list(getattr(sampler, "trusted", ())),
            "seconds": time.perf_counter() - start,
            "source": kept.to_json(),
        }
        write_json(path, record)
        return record


def real_gains(bench: Bench, rows: list[str]) -> dict[str, float]:
    """How much better the plans that shipped ends with are than cold's, evaluated for real."""
    gains = {}
    for row in rows:
        _, target, budget = parts_of(row)
        path = bench.keep / f"{row.replace(':', '-')}-real.json"
        if not path.exists():
            evaluate = bench.tasks(target, budget)[0].evaluator()
            pairs = [
                (bench.arm(row, seed, "shipped", None), bench.cold(target, budget, seed))
                for seed in bench.seeds
            ]
            found = [[evaluate(one["widths"]).accuracy for one in pair] for pair in pairs]
            write_json(path, found)
        found = json.loads(path.read_text())
        gains[f"real_gain_{name_of(row)}"] = round(statistics.median(a - b for a, b in found), 4)
    return gains


def run_rows(bench: Bench, rows: list[str], report: Callable[[Curves], None]) -> None:
    """Run all searches of the rows, most interesting first; `report` after every one."""
    curves: Curves = {}
    for row in rows:
        source, target, budget = parts_of(row)
        for seed in bench.seeds:
            bench.cold(source, budget, seed)
        cold = [bench.cold(target, budget, seed)["best"] for seed in bench.seeds]
        curves[row] = {"cold": dict(zip(bench.seeds, cold, strict=True))}
    for arm in ARMS:
        for row in rows:
            goal = goal_of(list(curves[row]["cold"].values()), bench.given)
            for seed in bench.seeds:
                if arm not in bench.arms and not bench.path(row, seed, arm).exists():
                    continue
                record = bench.arm(row, seed, arm, goal)
                curves[row].setdefault(arm, {})[seed] = record["best"]
                report(curves)


def _without_data(row: str, *, real: bool) -> list[str]:
    """The networks of a row that cannot be searched: no checkpoint, or no fitted accuracies."""
    models = parts_of(row)[:2]
    needed = {
        one: (
            SHARED / "checkpoints" / f"cifar10-jpeg-{one}.pt",
            *(() if real else (DATA / f"{one}.csv",)),
        )
        for one in models
    }
    return [one for one, files in needed.items() if not all(file.exists() for file in files)]


@contextmanager
def _open_tasks(
    *, real: bool, curves: Path | None
) -> Iterator[Callable[[str, float], tuple[Task, Evaluate]]]:
    opened: dict[tuple[str, float], tuple[Task, Evaluate]] = {}
    with ExitStack() as stack:

        def task_of(model: str, budget: float) -> tuple[Task, Evaluate]:
            if (model, budget) not in opened:
                folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
                task = stack.enter_context(
                    open_task(model, budget=budget, images=IMAGES, folder=folder)
                )
                if curves is not None:
                    task.know_curves(curves / f"curves-{model}.json")
                evaluate = task.evaluator() if real else surrogate_evaluator(task, model)
                opened[model, budget] = (task, evaluate)
            return opened[model, budget]

        yield task_of


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="8 trials, one seed, one row")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--keep", type=Path, help="folder of finished searches, to go on from")
    parser.add_argument("--plot", type=Path, help="write the running bests here, as HTML")
    parser.add_argument("--trials", type=int, default=80)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--first-seed", type=int, default=10)
    parser.add_argument("--real", action="store_true", help="real weights")
    parser.add_argument("--told", action="store_true", help="searches are told the curves")
    parser.add_argument("--row", action="append", help="SOURCE:TARGET:BUDGET; default: all")
    parser.add_argument("--arm", action="append", choices=tuple(ARMS), help="default: all")
    options = parser.parse_args()
    torch.set_num_threads(1)
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    trials, seeds = (8, 1) if options.quick else (options.trials, options.seeds)
    first = options.first_seed
    wanted = options.row or (ROWS[:1] if options.quick else ROWS)
    without = {row: _without_data(row, real=options.real) for row in wanted}
    rows = [row for row, missing in without.items() if not missing]
    skipped = {
        row: f"no checkpoint or no fitted accuracies of {', '.join(missing)}"
        for row, missing in without.items()
        if missing
    }
    with ExitStack() as stack:
        scratch = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        keep = options.keep or scratch
        for kind in (one for one in ("told", "real") if getattr(options, one)):
            keep /= kind
        keep.mkdir(parents=True, exist_ok=True)
        told = keep if options.told else None
        tasks = stack.enter_context(_open_tasks(real=options.real, curves=told))
        arms = tuple(options.arm or ARMS)
        bench = Bench(keep, trials, range(first, first + seeds), tasks, arms, options.told)
        found: Curves = {}
        figures_of = partial(
            summary,
            rows=rows,
            wanted=tuple(ARMS),
            trials=trials,
            seeds=bench.seeds,
            given=bench.given,
        )

        def report(curves: Curves) -> None:
            found.update(curves)
            if options.keep:
                write_json(keep / "summary.json", figures_of(curves))

        run_rows(bench, rows, report)
        record = {**figures_of(found), "skipped": skipped}
        if not options.real:
            record["figures"].update(real_gains(bench, rows))
        if options.keep:
            write_json(keep / "summary.json", record)
        if options.plot:
            draw(found, options.plot, trials, bench.given)
    if options.json:
        print(json.dumps(record, indent=2))
        return
    for name, value in record["figures"].items():
        print(f"{name:60} {value}")
    for row, why in skipped.items():
        print(f"{row}: skipped, {why}")


if __name__ == "__main__":
    main()

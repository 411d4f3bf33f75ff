"""What a trial takes of the driver in a study of thousands: no benchmark itself."""

import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from edgeprune.search import Outcome, SearchProblem, SearchTrial, Widths, make_sampler, run_search
from edgeprune.search.fitting import fit_to_budget
from edgeprune.search.journal import Journal
from edgeprune.search.loop import Loop
from edgeprune.search.snapshot import Snapshot
from edgeprune.testing.samplers import accuracy_reward


def driver_ms(
    problem: Callable[[], SearchProblem], sampler: str, done: int, trials: int, outstanding: int
) -> tuple[float, float]:
    """Milliseconds a trial, from end to end, where evaluations take no time.

    Returns:
        Of the processor, which other programs do not lengthen, and by the clock.

    Args:
        problem: a fresh one.
        sampler: its name.
        done: trials in the study before.
        trials: that are timed.
        outstanding: proposals at once.
    """
    with tempfile.TemporaryDirectory() as folder:
        directory, ends = Path(folder), list[tuple[float, float]]()
        _prepared(problem(), sampler, done, trials, directory)
        fresh = problem()
        run_search(
            *(fresh, make_sampler(sampler, fresh, 0, done + trials, {})),
            lambda widths: _outcome(fresh, widths),
            accuracy_reward,
            trials=done + trials,
            directory=directory,
            outstanding=outstanding,
            on_trial=lambda trial: ends.append((time.process_time(), time.perf_counter())),
        )
        timed = np.array(ends[done:])
        cpu, wall = 1000 * (timed[-1] - timed[0]) / (len(timed) - 1)
        return float(cpu), float(wall)


def _prepared(
    problem: SearchProblem, sampler: str, done: int, trials: int, directory: Path
) -> None:
    """A search that has got so far: its journal and its snapshot."""
    made = make_sampler(sampler, problem, 0, done + trials, {})
    loop, journal = Loop(problem, made, accuracy_reward), Journal(directory)
    seen: set[tuple[int, ...]] = set()
    draw = np.random.default_rng(0)
    while len(seen) < done:
        widths = {g: int(draw.choice(np.asarray(problem.choices[g]))) for g in problem.groups}
        if len(seen) % 2:  # as a search has them: half of them at the budget
            ratios = {group: widths[group] / problem.full[group] for group in problem.groups}
            widths = fit_to_budget(problem, ratios, fill=False)
        widths = problem.tied(widths)
        if problem.key(widths) in seen:
            continue
        outcome = _outcome(problem, widths)
        entry = SearchTrial(len(seen), widths, outcome, outcome.accuracy, {"propose": 0.01})
        seen.add(problem.key(widths))
        journal.append(entry, loop.space)
        loop.tell(loop.ask(widths), entry)
    Snapshot(directory, made).save(done, {})


def _outcome(problem: SearchProblem, widths: Widths) -> Outcome:
    """Any accuracy that rises with the widths, and the estimated latency."""
    ratio = problem.cost(widths)
    kept = sum(widths[group] / problem.full[group] for group in problem.groups)
    samples = [10 * ratio] * 50  # as many as a measurement has
    return Outcome(
        accuracy=kept / len(problem.groups),
        latency_ms=10 * ratio,
        latency_ratio=ratio,
        macs=int(problem.macs(widths)),
        parameters=1,
        bytes=1,
        details={"seconds": {}, "candidate": {"samples_ms": samples}},
    )

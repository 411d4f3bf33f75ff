"""What a run asks of a large history, timed; for `benchmarks/load.py`."""

import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from load_parts import (
    candidate_of,
    facts_of,
    light_evaluator,
    light_problem,
    run_of,
    space_of,
)

from edgeprune.cli.history_views import known_targets
from edgeprune.history import History, RunRecord, TrialRecord, target_key
from edgeprune.pipeline.past import MOST_SOURCES, MOST_TRIALS

_REPEATS = 15


def queries(path: Path, devices: int) -> dict[str, Any]:
    """Milliseconds of everything that a run asks, and what opening one takes.

    Args:
        path: of the history.
        devices: in it.
    """
    start = time.perf_counter()
    before = peak_mb()
    key = target_key(facts_of(3 % devices))
    found: dict[str, float] = {}
    with History.open(str(path)) as history:
        opening = _opened(history, key)
        open_s = time.perf_counter() - start
        new = run_of(10**9, devices)
        history.runs.start(new)
        trial = _trial(new)
        asked: dict[str, Callable[[int], object]] = {
            "measured": lambda turn: history.runs.measured(key, candidate_of(1 + turn)),
            "measured_everywhere": lambda turn: history.runs.measured(key, candidate_of(0)),
            "measured_elsewhere": lambda turn: history.runs.measured("nobody", candidate_of(0)),
            "measured_never": lambda turn: history.runs.measured(key, f"{turn}"),
            "sources": lambda turn: _sources(history, key),
            "numbers": lambda turn: history.runs.numbers(f"{turn:032x}"),
            "kernels": lambda turn: history.kernels(target_key(facts_of(turn % devices))),
            "multiples": lambda turn: history.multiples(key),
            "write": lambda turn: history.runs.extend(space_of(), [trial(turn)]),
        }
        for name, question in asked.items():
            found[name] = statistics.median(_ms(question, turn) for turn in range(_REPEATS))
        grown = peak_mb() - before
        listing = _ms(lambda turn: known_targets(history, key[:8]), 0)
        history.runs.remove([new.id])
    return {
        "query_ms": found,
        "slowest_ms": max(found.values()),
        "open_s": open_s,
        "cold_ms": opening,
        "grown_mb": grown,
        "list_ms": listing,
    }


def _opened(history: History, key: str) -> float:
    """What a run asks as it begins; the slowest of the cold queries."""
    steps: list[Callable[[int], object]] = [
        lambda turn: history.multiples(key),
        lambda turn: history.kernels(key),
        lambda turn: _sources(history, key),
        lambda turn: history.runs.measured(key, candidate_of(0)),
    ]
    return max(_ms(step, 0) for step in steps)


def _sources(history: History, key: str) -> object:
    ids = history.runs.useful(
        key, graph="net 3", reward="accuracy", budget=0.5, retrained=False, most=MOST_SOURCES
    )
    return [(history.runs.line(run), history.runs.glances(run, MOST_TRIALS)) for run in ids]


def _trial(run: RunRecord) -> Callable[[int], TrialRecord]:
    evaluate = light_evaluator(light_problem())
    full = light_problem().full

    def trial(number: int) -> TrialRecord:
        widths = dict.fromkeys(run.space.groups, 1 + number)
        return TrialRecord(run.id, number, widths, 0.5, evaluate(full).to_json())

    return trial


def peak_mb() -> float:
    """The most memory that this process has had; that of its parent does not count."""
    (line,) = (one for one in Path("/proc/self/status").read_text().splitlines() if "VmHWM" in one)
    return int(line.split()[1]) / 1024


def _ms(question: Callable[[int], object], turn: int) -> float:
    start = time.perf_counter()
    question(turn)
    return 1e3 * (time.perf_counter() - start)

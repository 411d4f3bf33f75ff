"""What a history of a million trials and a run of ten thousand cost: time and memory.

    python benchmarks/load.py --json [--quick] [--plot FILE]

Memory is a process's peak, each part in a process of its own. ``overhead_ratio_10000_to_100`` is
what a trial costs beside its evaluation at the end of a search, over what it cost at its 100th;
the highest of several samplers.
"""

import argparse
import json
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import optuna
from load_parts import (
    PER_RUN,
    candidate_of,
    facts_of,
    fill_history,
    light_evaluator,
    light_problem,
    run_of,
    space_of,
)

from edgeprune.cli.history_views import export_file, import_file, known_targets
from edgeprune.history import History, RunRecord, TrialRecord, target_key
from edgeprune.pipeline.past import MOST_SOURCES, MOST_TRIALS, Past
from edgeprune.pipeline.run_history import RunHistory
from edgeprune.search import Outcome, SearchTrial, Widths, make_sampler, run_search, sampler_spec
from edgeprune.search.snapshot import Snapshot

#: Whose overhead is looked at; others learn from all trials, and take longer with more of them.
SAMPLERS = ("random", "knapsack")
_REPEATS = 15
#: Trials that an overhead is the mean of.
_WINDOW = 100


def queries(path: Path, devices: int) -> dict[str, Any]:
    """Milliseconds of everything that a run asks, and what opening one takes.

    Args:
        path: of the history.
        devices: in it.
    """
    start = time.perf_counter()
    before = _peak_mb()
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
        grown = _peak_mb() - before
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


def search(folder: Path, sampler: str, begin: int, trials: int) -> dict[str, Any]:
    """Milliseconds beside the evaluation of each trial of a search.

    Args:
        folder: of the search; with a journal of `begin` trials it goes on from there.
        sampler: its name.
        begin: trials that its journal holds.
        trials: in all.
    """
    problem = light_problem()
    if not sampler_spec(sampler).informed:
        problem = replace(problem, curves=None)
    evaluate = light_evaluator(problem)
    between: list[float] = []
    last: list[float] = []

    def timed(widths: Widths) -> Outcome:
        if last:
            between.append(1e3 * (time.perf_counter() - last[0]))
        outcome = evaluate(widths)
        last[:] = [time.perf_counter()]
        return outcome

    proposer = make_sampler(sampler, problem, 0, trials, {})
    if begin:  # as if it had proposed them: replaying them would take the whole search
        Snapshot(folder, proposer).save(begin)
    run = RunRecord(
        *(f"{begin:032x}", target_key(facts_of(0)), {"model": "light"}),
        *({"sampler": sampler, "budget": 0.5}, space_of()),
    )
    start = time.perf_counter()
    with RunHistory(str(folder / "history.db"), print) as history:
        past = Past((), history, run, _facts=facts_of(0))
        past.write()

        def on_trial(trial: SearchTrial) -> None:
            past.keep(trial, None)

        run_search(
            *(problem, proposer, timed, lambda outcome: outcome.accuracy),
            trials=trials,
            directory=folder,
            on_trial=on_trial,
        )
        past.write(anyhow=True)
    spent = time.perf_counter() - start
    return {"ms": between, "seconds": spent, "peak_mb": _peak_mb()}


def overheads(folder: Path, trials: int) -> dict[str, Any]:
    """Overhead at the 100th and the last trials of a search, by sampler."""
    whole = _child("search", folder / "random", "random", 0, trials)
    curve, found = whole["ms"], {}
    found["random"] = (_mean(curve[50:150]), _mean(curve[-_WINDOW:]))
    journal = (folder / "random" / "journal.log").read_bytes().splitlines(keepends=True)
    for sampler in SAMPLERS[1:]:
        ends = []
        for begin in (50, trials - _WINDOW):
            place = folder / f"{sampler}-{begin}"
            place.mkdir()
            (place / "journal.log").write_bytes(b"".join(journal[: begin + 1]))
            ends.append(_mean(_child("search", place, sampler, begin, begin + _WINDOW)["ms"]))
        found[sampler] = (ends[0], ends[1])
    again = _child("search", folder / "random", "random", 0, trials)
    return {
        "curve": curve,
        "ms": found,
        "ratio": max(late / early for early, late in found.values()),
        "peak_mb": whole["peak_mb"],
        "resume_s": again["seconds"],
    }


def _mean(values: list[float]) -> float:
    """Without the slowest tenth, which the disk is to blame for."""
    kept = sorted(values)[: max(1, len(values) * 9 // 10)]
    return statistics.fmean(kept)


def _ms(question: Callable[[int], object], turn: int) -> float:
    start = time.perf_counter()
    question(turn)
    return 1e3 * (time.perf_counter() - start)


def _peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _child(part: str, *arguments: object) -> dict[str, Any]:
    """One part in a process of its own, whose memory is its own."""
    words = [sys.executable, __file__, "--part", part, *map(str, arguments)]
    done = subprocess.run(words, check=True, stdout=subprocess.PIPE, text=True)
    return dict(json.loads(done.stdout.splitlines()[-1]))


def _part(name: str, arguments: list[str]) -> dict[str, Any]:
    path = Path(arguments[0])
    if name == "queries":
        return queries(path, int(arguments[1]))
    if name == "search":
        path.mkdir(exist_ok=True)
        return search(path, arguments[1], int(arguments[2]), int(arguments[3]))
    start = time.perf_counter()
    with History.open(str(path)) as history:
        move = export_file if name == "export" else lambda one, file, _: import_file(one, file)
        counts = move(history, Path(arguments[1]), None)
    return {**counts, "seconds": time.perf_counter() - start, "peak_mb": _peak_mb()}


def figures(folder: Path, *, quick: bool) -> dict[str, Any]:
    """All figures, and the curve of the overhead."""
    million, devices = (20_000, 20) if quick else (1_000_000, 100)
    moved, long = (2_000, 400) if quick else (100_000, 10_000)
    large, small = folder / "large.db", folder / "small.db"
    fill_history(large, million, devices)
    asked = _child("queries", large, devices)
    size_gb = large.stat().st_size / 2**30
    large.unlink()
    fill_history(small, moved, min(devices, moved // PER_RUN))
    out = _child("export", small, folder / "moved.jsonl")
    back = _child("import", folder / "copy.db", folder / "moved.jsonl")
    run = overheads(folder, long)
    return {
        "figures": {
            "history_query_ms_1m": round(asked["slowest_ms"], 2),
            "history_cold_query_ms_1m": round(asked["cold_ms"], 2),
            "history_open_s_1m": round(asked["open_s"], 3),
            "history_list_device_ms_1m": round(asked["list_ms"], 1),
            "history_memory_mb_1m": round(asked["grown_mb"], 1),
            **{f"query_ms_{name}": round(ms, 2) for name, ms in asked["query_ms"].items()},
            "history_gb_1m": round(size_gb, 2),
            "export_s_100k": round(out["seconds"], 1),
            "export_peak_mb_100k": round(out["peak_mb"], 1),
            "import_s_100k": round(back["seconds"], 1),
            "import_peak_mb_100k": round(back["peak_mb"], 1),
            "overhead_ratio_10000_to_100": round(run["ratio"], 3),
            **{f"overhead_ms_100_{name}": round(ends[0], 2) for name, ends in run["ms"].items()},
            **{f"overhead_ms_10000_{name}": round(ends[1], 2) for name, ends in run["ms"].items()},
            "run_10000_peak_mb": round(run["peak_mb"], 1),
            "resume_10000_s": round(run["resume_s"], 1),
        },
        "trials": {"history": million, "moved": moved, "run": long},
        "curve": run["curve"],
    }


def draw(curve: list[float], path: Path) -> None:
    """The overhead of every trial, as HTML."""
    import plotly.graph_objects as go

    figure = go.Figure(go.Scattergl(y=curve, mode="markers", marker={"size": 2}))
    figure.update_layout(xaxis_title="trial", yaxis_title="ms beside the evaluation")
    figure.update_yaxes(range=[0, 4 * statistics.median(curve)])
    figure.write_html(path, include_plotlyjs=True)


def main() -> None:
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    if sys.argv[1:2] == ["--part"]:
        print(json.dumps(_part(sys.argv[2], sys.argv[3:])))
        return
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="20,000 and 400 trials")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--plot", type=Path, help="write the overhead of all trials, as HTML")
    parser.add_argument("--folder", type=Path, help="where 5 GB are free; the system's for temp")
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="edgeprune-load-", dir=options.folder))
    try:
        record = figures(folder, quick=options.quick)
    finally:
        shutil.rmtree(folder)
    curve = record.pop("curve")
    if options.plot:
        draw(curve, options.plot)
    if options.json:
        print(json.dumps(record, indent=2))
        return
    for name, value in record["figures"].items():
        print(f"{name:40} {value}")


if __name__ == "__main__":
    main()

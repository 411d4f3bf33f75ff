"""What a history of a million trials and a run of ten thousand cost: time and memory.

    python benchmarks/load.py --json [--quick] [--plot FILE]

Memory is a process's peak, each part in a process of its own (a run's has torch in it).
``overhead_ratio_10000_to_100`` is what a trial computes beside its evaluation at the end of a
search, over what it did at its 100th; the highest of several samplers.
"""

import argparse
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import optuna
from load_parts import (
    facts_of,
    fill_history,
    light_evaluator,
    light_problem,
    space_of,
)
from load_queries import peak_mb, queries

from edgeprune.history import RunRecord, target_key
from edgeprune.pipeline.past import Past
from edgeprune.pipeline.run_history import RunHistory
from edgeprune.search import Outcome, SearchTrial, Widths, make_sampler, run_search, sampler_spec
from edgeprune.search.snapshot import Snapshot

#: Whose overhead is looked at; others learn from all trials, and take longer with more of them.
SAMPLERS = ("random", "knapsack")
#: Trials that an overhead is the mean of.
_WINDOW = 100
_PEAK = """
import resource, subprocess, sys
subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
"""


def search(folder: Path, sampler: str, begin: int, trials: int) -> dict[str, Any]:
    """Milliseconds beside the evaluation of each trial of a search: by the clock, and computing.

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
    wall: list[float] = []
    cpu: list[float] = []
    last: list[float] = []

    def timed(widths: Widths) -> Outcome:
        if last:
            wall.append(1e3 * (time.perf_counter() - last[0]))
            cpu.append(1e3 * (time.process_time() - last[1]))
        outcome = evaluate(widths)
        last[:] = [time.perf_counter(), time.process_time()]
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
    return {"ms": wall, "cpu_ms": cpu, "seconds": spent, "peak_mb": peak_mb()}


def overheads(folder: Path, trials: int) -> dict[str, Any]:
    """Overhead at the 100th and the last trials of a search, by sampler."""
    whole = _child("search", folder / "random", "random", 0, trials)
    curve, found = whole["cpu_ms"], {}
    found["random"] = (_mean(curve[50:150]), _mean(curve[-_WINDOW:]))
    journal = (folder / "random" / "journal.log").read_bytes().splitlines(keepends=True)
    for sampler in SAMPLERS[1:]:
        ends = []
        for begin in (50, trials - _WINDOW):
            place = folder / f"{sampler}-{begin}"
            place.mkdir()
            (place / "journal.log").write_bytes(b"".join(journal[: begin + 1]))
            ends.append(_mean(_child("search", place, sampler, begin, begin + _WINDOW)["cpu_ms"]))
        found[sampler] = (ends[0], ends[1])
    again = _child("search", folder / "random", "random", 0, trials)
    return {
        "curve": curve,
        "wall_ms": _mean(whole["ms"][-_WINDOW:]),
        "ms": found,
        "ratio": max(late / early for early, late in found.values()),
        "peak_mb": whole["peak_mb"],
        "resume_s": again["seconds"],
    }


def _mean(values: list[float]) -> float:
    """Without the slowest tenth, which the disk is to blame for."""
    kept = sorted(values)[: max(1, len(values) * 9 // 10)]
    return statistics.fmean(kept)


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
    msg = f"unknown part {name!r}"
    raise ValueError(msg)


def moved_by_command(command: str, history: Path, file: Path) -> tuple[float, float]:
    """Seconds and peak memory, MB, of `edgeprune history export` or ``import``."""
    words = ["-m", "edgeprune", "history", command, str(file), "--history", str(history)]
    start = time.perf_counter()
    # A process's peak begins with what its parent had: a small one is put in between.
    between = [sys.executable, "-c", _PEAK, sys.executable, *words]
    done = subprocess.run(between, check=True, stdout=subprocess.PIPE, text=True)
    return time.perf_counter() - start, int(done.stdout) / 1024


def figures(folder: Path, *, quick: bool) -> dict[str, Any]:
    """All figures, and the curve of the overhead."""
    million, devices = (20_000, 20) if quick else (1_000_000, 100)
    moved, long = (2_000, 400) if quick else (100_000, 10_000)
    large, small = folder / "large.db", folder / "small.db"
    fill_history(large, million, devices)
    asked = _child("queries", large, devices)
    size_gb = large.stat().st_size / 2**30
    large.unlink()
    fill_history(small, moved, 10)
    export_s, export_mb = moved_by_command("export", small, folder / "moved.jsonl")
    import_s, import_mb = moved_by_command("import", folder / "copy.db", folder / "moved.jsonl")
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
            "export_s_100k": round(export_s, 1),
            "export_peak_mb_100k": round(export_mb, 1),
            "import_s_100k": round(import_s, 1),
            "import_peak_mb_100k": round(import_mb, 1),
            "overhead_ratio_10000_to_100": round(run["ratio"], 3),
            **{f"overhead_ms_100_{name}": round(ends[0], 2) for name, ends in run["ms"].items()},
            **{f"overhead_ms_10000_{name}": round(ends[1], 2) for name, ends in run["ms"].items()},
            "overhead_wall_ms_10000_random": round(run["wall_ms"], 2),
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
    figure.update_layout(xaxis_title="trial", yaxis_title="ms of computing beside the evaluation")
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

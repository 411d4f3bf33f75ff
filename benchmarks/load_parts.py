"""A large history and a search whose candidates cost nothing, for `benchmarks/load.py`."""

import hashlib
import json
import sqlite3
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from edgeprune.history import History, KernelLatency, RunRecord, RunSpace, target_key
from edgeprune.search import Outcome, SearchProblem, Widths

#: Groups of a net like ResNet-56, and trials of an ordinary search.
GROUPS, PER_RUN = 27, 100
#: Kernels known of each device.
KERNELS = 2000
#: Different candidates in all; one of them, the uniform plan, begins every run.
_CANDIDATES = 50_000
_BEGUN = datetime(2026, 1, 1, tzinfo=UTC)
_SAMPLES = 30


def facts_of(device: int) -> dict[str, Any]:
    """What one of the devices says of itself."""
    return {"cpu": f"device {device}", "threads": 1, "batch": 1}


def space_of(graph: str = "net") -> RunSpace:
    """What every run searched."""
    names = tuple(f"layer{number}" for number in range(GROUPS))
    features = tuple((float(number), 1.5, 0.25, 3.0) for number in range(GROUPS))
    return RunSpace(names, (64,) * GROUPS, ("depth", "size", "share", "kernel"), features, graph)


def run_of(number: int, devices: int) -> RunRecord:
    """One of the runs, in turns on the devices."""
    facts = {
        "search": "search",
        "sampler": "random" if number % 2 else "knapsack",
        "seed": number,
        "budget": 0.3 + 0.1 * (number % 5),
        "reward": "accuracy",
        "trials": PER_RUN,
        "retrain_images": 0,
    }
    workload = {"model": f"net {number % 7}", "data": "images"}
    space = space_of(f"net {number % 7}")
    key = target_key(facts_of(number % devices))
    moment = _BEGUN + timedelta(minutes=number)
    return RunRecord(f"{number:032x}", key, workload, facts, space, moment)


def details_of(seed: int) -> dict[str, Any]:
    """As much as a measurement leaves: samples and conditions of candidate and baseline."""
    drawn = np.random.default_rng(seed).normal(1.0, 0.01, 2 * _SAMPLES).tolist()
    conditions = {"kind": "local", "runtime": "onnxruntime", "cpu": "any", "clock": "perf_counter"}
    parts = (("candidate", drawn[:_SAMPLES]), ("baseline", drawn[_SAMPLES:]))
    return {
        "ratio": 0.4,
        "ratio_interval": [0.39, 0.41],
        "seconds": {"accuracy": 1.0, "latency": 1.0},
        **{name: {"samples_ms": samples, "conditions": conditions} for name, samples in parts},
    }


def candidate_of(number: int) -> str:
    """The signature of one of the candidates; number 0 is in every run."""
    return hashlib.sha256(str(number).encode()).hexdigest()[:32]


def fill_history(path: Path, trials: int, devices: int) -> None:
    """Make a history of so many trials: by SQL, as a million would take an hour otherwise.

    Args:
        path: of the database, which is not there yet.
        trials: in all; a run has `PER_RUN` of them.
        devices: that they are spread over.
    """
    with History.open(str(path)) as history:
        kernels = [
            KernelLatency({"kind": "conv", "number": one}, 1.0, (0.9, 1.1), 10, _BEGUN)
            for one in range(KERNELS)
        ]
        for device in range(devices):
            key = target_key(facts_of(device))
            history.target(key, facts_of(device))
            history.record_kernels(key, kernels)
        for number in range(trials // PER_RUN):
            history.runs.start(run_of(number, devices))
    database = sqlite3.connect(path)
    database.execute("PRAGMA synchronous = OFF")
    database.execute("PRAGMA cache_size = -400000")
    with database:
        database.executemany(
            "INSERT INTO trials (run, number, candidate, widths, raw_actions, reward, outcome, "
            "recorded_at, latency_ratio, imported) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 0)",
            _rows(trials),
        )
        database.execute(
            "UPDATE run_lines SET trials = ?, best_reward = (SELECT max(reward) FROM trials "
            "WHERE trials.run = run_lines.run AND latency_ratio <= budget)",
            [PER_RUN],
        )
    database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    database.close()


def _rows(trials: int) -> Iterator[tuple[Any, ...]]:
    names = space_of().groups
    texts = []
    for seed in range(64):
        outcome = Outcome(0.5, 1.0, 0.4, 10**6, 10**5, 10**5, details_of(seed))
        texts.append(json.dumps(outcome.to_json()))
    widths = [json.dumps(dict.fromkeys(names, 1 + seed % 64)) for seed in range(64)]
    actions = json.dumps([0.5] * GROUPS)
    for number in range(trials):
        run, place = divmod(number, PER_RUN)
        moment = (_BEGUN + timedelta(minutes=run, seconds=place / 2)).replace(tzinfo=None)
        other = 1 + (number * 7919) % _CANDIDATES
        yield (
            *(f"{run:032x}", place, candidate_of(other if place else 0)),
            *(widths[number % 64], actions, 0.5 + (number % 997) / 2000, texts[number % 64]),
            *(moment.isoformat(sep=" ", timespec="microseconds"), 0.4),
        )


def light_problem() -> SearchProblem:
    """A problem like ResNet-56's, whose cost is a sum over layers."""
    names = tuple(f"layer{number}" for number in range(GROUPS))
    full = [16 * 2 ** (3 * number // GROUPS) for number in range(GROUPS)]
    choices = {name: tuple(range(1, size + 1)) for name, size in zip(names, full, strict=True)}
    whole = float(sum(full))

    def cost(widths: Widths) -> float:
        return 0.05 + 0.95 * sum(widths.values()) / whole

    curves = {
        name: [(1 + place / GROUPS) * (1 - width / size) ** 2 for width in choices[name]]
        for place, (name, size) in enumerate(zip(names, full, strict=True))
    }
    features = np.array([[number, size] for number, size in enumerate(full)], np.float64)
    return SearchProblem(
        names, choices, features, ("depth", "channels"), cost, cost, 0.5, curves=curves
    )


def light_evaluator(problem: SearchProblem) -> Callable[[Widths], Outcome]:
    """An evaluation that takes no time, with as many details as a real one."""
    found = [details_of(seed) for seed in range(64)]

    def evaluate(widths: Widths) -> Outcome:
        key = sum(problem.key(widths))
        ratio = problem.cost(widths)
        # A copy of its own: that is what a measurement would be.
        details = json.loads(json.dumps(found[key % 64]))
        return Outcome(0.5 + (key % 997) / 2000, ratio, ratio, 10**6, 10**5, 10**5, details)

    return evaluate

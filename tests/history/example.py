"""A small run for the tests of the history."""

from datetime import UTC, datetime, timedelta

from edgeprune.history import History, RunRecord, RunSpace, TrialRecord, target_key

MOMENT = datetime(2026, 11, 21, 12, tzinfo=UTC)
FACTS = {"cpu": "any", "threads": 1, "batch": 1}
KEY = target_key(FACTS)
SPACE = RunSpace(("a", "b"), (8, 16), ("x",), ((1.0,), (2.0,)), "graph 1")
RUN = RunRecord(
    "0123456789abcdef0123456789abcdef",
    KEY,
    {"model": "two", "data": "none"},
    {"search": "search", "sampler": "amc", "seed": 0, "budget": 0.5, "trials": 3},
    SPACE,
    MOMENT,
)


def trial(number: int) -> TrialRecord:
    """A trial of `RUN`; odd ones keep more."""
    outcome = {
        "accuracy": 0.5,
        "latency_ms": 2.0 + number,
        "latency_ratio": 0.4,
        "macs": 100,
        "parameters": 10,
        "bytes": 40,
        "details": {"candidate": {"samples_ms": [2.0, 2.1]}},
    }
    return TrialRecord(
        RUN.id,
        number,
        {"a": 1 + number % 8, "b": 8},
        0.5 + number / 100,
        outcome,
        (0.1, 0.5),
        MOMENT + timedelta(seconds=number),
    )


def remember(history: History, trials: int) -> None:
    """Record the run with its first trials."""
    history.target(KEY, FACTS)
    history.runs.start(RUN)
    for number in range(trials):
        history.runs.add(SPACE, trial(number))

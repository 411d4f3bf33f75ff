"""What another history measured serves proposals, and is never read as a measurement."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from edgeprune.history import History, HistoryError, KernelLatency, Staircase
from edgeprune.history.exchange import bounded_lines, export_lines, import_lines
from tests.history.example import KEY, MOMENT, RUN, SPACE, remember, trial

CANDIDATE = SPACE.candidate(trial(0).widths)


@pytest.fixture
def lines(tmp_path: Path) -> list[str]:
    with History.open(str(tmp_path / "theirs.db")) as theirs:
        remember(theirs, trials=3)
        theirs.record_kernels(KEY, [KernelLatency({"in": 8}, 9.0, (9.0, 9.0), 3, MOMENT)])
        theirs.record_multiples(KEY, {"conv": Staircase(32, 0.5, MOMENT)})
        return list(export_lines(theirs))


@pytest.fixture
def ours(tmp_path: Path) -> Iterator[History]:
    with History.open(str(tmp_path / "ours.db")) as kept:
        yield kept


def _useful(history: History) -> list[str]:
    return history.runs.useful(
        KEY, graph="graph 1", reward="accuracy", budget=0.5, retrained=False, most=4
    )


def test_imported_trials_are_no_measurements_but_seed_proposals(
    lines: list[str], ours: History
) -> None:
    marked = [line.replace('"seed": 0', '"seed": 0, "reward": "accuracy"') for line in lines]
    import_lines(ours, marked, "file")
    assert ours.runs.measured(KEY, CANDIDATE) is None
    assert ours.runs.numbers(RUN.id) == set()
    (summary,) = ours.runs.summaries()
    assert (summary.trials, summary.imported, summary.best_reward) == (3, 3, 0.52)
    assert _useful(ours) == [RUN.id]
    assert [one.reward for one in ours.runs.glances(RUN.id, 9)] == [0.5, 0.51, 0.52]


def test_what_was_measured_here_stays_measured(lines: list[str], ours: History) -> None:
    remember(ours, trials=2)
    import_lines(ours, lines, "file")
    assert ours.runs.measured(KEY, CANDIDATE) is not None
    assert ours.runs.numbers(RUN.id) == {0, 1}
    (summary,) = ours.runs.summaries()
    assert (summary.trials, summary.imported) == (3, 1)


def test_an_imported_trial_gives_way_to_the_runs_own(lines: list[str], ours: History) -> None:
    import_lines(ours, lines, "file")
    own = replace(trial(0), reward=0.3)
    ours.runs.extend(SPACE, [own, trial(3)])
    assert ours.runs.measured(KEY, CANDIDATE) is not None
    assert [one.reward for one in ours.runs.trials(RUN.id)] == [0.3, 0.51, 0.52, 0.53]
    (summary,) = ours.runs.summaries()
    assert (summary.trials, summary.imported, summary.best_reward) == (4, 2, 0.53)


def test_a_runs_own_file_counts_as_its_own(lines: list[str], ours: History) -> None:
    import_lines(ours, lines, "file", own=True)
    assert ours.runs.measured(KEY, CANDIDATE) is not None
    assert ours.runs.summaries()[0].imported == 0


def test_imported_kernels_and_multiples_replace_none(lines: list[str], ours: History) -> None:
    ours.target(KEY, {"cpu": "any", "threads": 1, "batch": 1})
    ours.record_kernels(KEY, [KernelLatency({"in": 8}, 1.0, (1.0, 1.0), 3, MOMENT)])
    later = [line.replace(MOMENT.isoformat()[:10], "2999-01-01") for line in lines]
    import_lines(ours, later, "file")
    assert ours.kernels(KEY)[0].median_ms == 1.0
    # What is dated in the future would otherwise never be replaced again.
    assert ours.multiples(KEY)["conv"].measured_at <= datetime.now(UTC)
    ours.record_multiples(KEY, {"conv": Staircase(8, 0.1)})
    assert ours.multiples(KEY)["conv"].multiple == 8


def test_the_latest_own_measurement_is_the_one(ours: History) -> None:
    remember(ours, trials=1)
    again = replace(RUN, id="f" * 32, started_at=MOMENT + timedelta(days=1))
    ours.runs.start(again)
    outcome = {**trial(0).outcome, "latency_ms": 7.0}
    later = replace(trial(0), run=again.id, outcome=outcome, recorded_at=MOMENT + timedelta(days=1))
    ours.runs.add(SPACE, later)
    found = ours.runs.measured(KEY, CANDIDATE)
    assert found is not None and found["latency_ms"] == 7.0


def test_the_most_useful_runs_come_first(ours: History) -> None:
    ours.target(KEY, {"cpu": "any", "threads": 1, "batch": 1})
    ours.target("other", {})
    base = {**RUN.facts, "reward": "accuracy"}
    wanted = [
        ("a", KEY, {}, 2),
        ("b", KEY, {}, 1),  # fewer trials
        ("c", KEY, {"budget": 0.7}, 3),  # further from the budget
        ("d", KEY, {"retrain_images": 64}, 3),
        ("e", "other", {}, 3),
    ]
    left_out = [
        ("f", KEY, {"sampler": "joint"}, 3),
        ("g", KEY, {"reward": "other"}, 3),
        ("h", KEY, {}, 0),
    ]
    for name, target, facts, trials in [*reversed(wanted), *left_out]:
        ours.runs.start(replace(RUN, id=name, target=target, facts={**base, **facts}))
        ours.runs.extend(SPACE, [replace(trial(n), run=name) for n in range(trials)])
    assert _useful(ours) == ["a", "b", "c", "d"]
    assert ours.runs.glances("c", 2) == [
        one for one in ours.runs.glances("c", 9) if one.reward != 0.51
    ]


HUGE = "9" * 400_000
DEEP = "[" * 100_000 + "]" * 100_000


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (HUGE, "999999.* is too large a number"),
        (f"-{HUGE}", "is too large a number"),
        (f"1e{HUGE}", "is no number"),
        (DEEP, "recursion"),
        ('{"a": ' * 100_000 + "1" + "}" * 100_000, "recursion"),
    ],
)
def test_numbers_and_nesting_without_end_are_refused_at_once(
    value: str, said: str, lines: list[str], ours: History
) -> None:
    broken = [*lines[:-1], lines[-1].replace('"bytes": 40', f'"bytes": {value}')]
    assert broken != lines
    with pytest.raises(HistoryError, match=rf"line {len(lines)}.*{said}.*nothing was imported"):
        import_lines(ours, broken, "file")
    assert ours.targets() == {}


def test_a_line_without_an_end_is_not_read_to_its_end(
    lines: list[str], ours: History, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edgeprune.history.exchange.LONGEST_LINE", 10_000)
    path = tmp_path / "long.jsonl"
    path.write_text("\n".join([*lines[:2], json.dumps({"kind": "x" * 50_000})]))
    with path.open() as file, pytest.raises(HistoryError, match="line 3: it is longer than"):
        import_lines(ours, bounded_lines(file), str(path))
    assert ours.targets() == {}

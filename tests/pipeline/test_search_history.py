"""What one run found serves the next: through the store, the samplers and the report."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from edgeprune.history import History
from edgeprune.pipeline import run
from edgeprune.pipeline.past import MOST_SOURCES, Past
from edgeprune.pipeline.run_history import RunHistory
from edgeprune.search import read_trials
from tests.history.example import RUN, remember, trial

QUICK = (
    "search.trials=10",
    "finetune.epochs=0",
    "workload.train.epochs=1",
    "recover.images=64",
    "prune.channel_multiple=1",
)


def _run(pipeline: Path, folder: Path, history: Path, *changes: str) -> list[Any]:
    settings = (*QUICK, f"history={history}", *changes)
    run(pipeline, run_dir=folder, overrides=settings, progress=False)
    return read_trials(folder / "search")


def _stage(folder: Path, name: str) -> dict[str, Any]:
    return dict(json.loads((folder / "stages" / f"{name}.json").read_text()))


@pytest.fixture
def history(tmp_path: Path) -> Path:
    return tmp_path / "history.db"


def test_a_second_run_learns_from_the_first_and_measures_nothing_twice(
    tiny_pipeline: Path, tmp_path: Path, history: Path
) -> None:
    first = _run(tiny_pipeline, tmp_path / "first", history, "search.options={critic: step}")
    with History.open(str(history)) as kept:
        lines = kept.runs.lines()
        assert [(one.run.facts["search"], one.trials) for one in lines] == [
            ("search", 10),
            ("random", 10),
        ]
        trials = kept.runs.trials(lines[0].run.id)
    assert [one.reward for one in trials] == [one.reward for one in first]
    assert all(one.raw_actions for one in trials)
    assert trials[0].outcome["details"]["candidate"]["samples_ms"]

    second = _run(tiny_pipeline, tmp_path / "second", history, "search.sampler=history")
    sources = _stage(tmp_path / "second", "history-search")["sources"]
    assert len(sources) == 2 and all(len(one["rewards"]) == 10 for one in sources)
    known = {
        tuple(one.widths.values()) for one in (*first, *read_trials(tmp_path / "first" / "random"))
    }
    reused = [tuple(one.widths.values()) for one in second if one.outcome.details["reused"]]
    assert reused and set(reused) == {tuple(one.widths.values()) for one in second} & known
    assert second[0].outcome.latency_ratio == first[0].outcome.latency_ratio
    page = (tmp_path / "second" / "report.html").read_text()
    assert "could learn from 2 earlier searches, 20 trials" in page
    assert "not measured again" in page

    third = _run(tiny_pipeline, tmp_path / "third", history, "search.remeasure=true")
    assert not any(one.outcome.details["reused"] for one in third)


def test_networks_of_other_kinds_take_no_place(
    tiny_pipeline: Path, tmp_path: Path, history: Path
) -> None:
    _run(tiny_pipeline, tmp_path / "first", history, "search.options={critic: step}")
    with History.open(str(history)) as kept:
        ours = kept.runs.lines()[0].run
        kind = ours.space.feature_names.index("kind")
        rows = [[*row[:kind], 9.0, *row[kind + 1 :]] for row in ours.space.features]
        foreign = replace(ours.space, features=tuple(map(tuple, rows)))
        for number in range(2 * MOST_SOURCES):
            other = replace(ours, id=f"{number:032x}", space=foreign)
            kept.runs.start(other)
            for one in kept.runs.trials(ours.id):
                kept.runs.add(foreign, replace(one, run=other.id))
    _run(tiny_pipeline, tmp_path / "second", history, "search.sampler=history", "search.trials=2")
    names = [one["name"] for one in _stage(tmp_path / "second", "history-search")["sources"]]
    assert len(names) == 2 and any(ours.id[:12] in name for name in names)


def test_warm_starts_begin_with_translated_points(
    tiny_pipeline: Path, tmp_path: Path, history: Path
) -> None:
    loose = "budget.latency=0.9x"  # many plans are within it
    first = _run(tiny_pipeline, tmp_path / "first", history, loose)
    changes = (
        *(loose, "search.sampler=optuna:TPESampler", "search.trials=4"),
        "search.warm_start=history",
    )
    warm = _run(tiny_pipeline, tmp_path / "warm", history, *changes)
    cold = _run(tiny_pipeline, tmp_path / "cold", history, *changes[:-1])
    assert warm[0].widths == cold[0].widths
    assert [one.widths for one in warm[1:4]] != [one.widths for one in cold[1:4]]
    known = [one.widths for one in first]
    assert all(one.widths in known for one in warm[1:4])


def test_without_a_history_nothing_is_read_or_written(tiny_pipeline: Path, tmp_path: Path) -> None:
    changes = (*QUICK, "search.sampler=history", "search.trials=4")
    run(tiny_pipeline, run_dir=tmp_path / "run", overrides=changes, progress=False)
    assert not (tmp_path / "run" / "stages" / "history-search.json").exists()
    assert "What the history contributed" not in (tmp_path / "run" / "report.html").read_text()


def test_a_trial_without_its_samples_is_no_measurement(history: Path) -> None:
    with History.open(str(history)) as kept:
        remember(kept, trials=1)
        assert kept.runs.measured(RUN.target, RUN.space.candidate(trial(0).widths)) is not None
    with RunHistory(str(history), pytest.fail) as used:
        assert Past((), used, RUN).measured(trial(0).widths) is None

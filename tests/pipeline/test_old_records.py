"""What edgeprune 0.1 wrote still opens: manifests, plans, stages, a search, a history."""

import json
from pathlib import Path
from typing import Any

import pytest

from edgeprune.devices import Comparison
from edgeprune.errors import RunError
from edgeprune.pipeline.field import Field
from edgeprune.pipeline.records import (
    Finished,
    Heat,
    HistoryRecord,
    Kernels,
    Manifest,
    MeasuredPoints,
    Multiples,
    Race,
    RungManifest,
)
from edgeprune.pipeline.stages.probe import Probe
from edgeprune.pruning import Plan, WeightPlan, load_plan
from edgeprune.records import VERSION, read_record, write_record
from edgeprune.search import Outcome, read_trials
from edgeprune.sensitivity import Curves

GOLDEN = Path(__file__).parent.parent / "golden"
RUNS = ("channels", "weights", "budgets")
KINDS: dict[str, type[Any]] = {
    "contenders": Field,
    "curves": Curves,
    "curves-measured": MeasuredPoints,
    "history-random": HistoryRecord,
    "history-search": HistoryRecord,
    "kernels": Kernels,
    "multiples": Multiples,
    "probe": Probe,
    "race": Race,
}


def _kind(stage: str) -> type[Any]:
    stage = stage.replace("-0.8x", "")
    if stage.startswith("race-"):
        return Heat
    return KINDS.get(stage, Finished)


STAGES = sorted(GOLDEN.glob("*/stages/*.json"))


@pytest.mark.parametrize("path", STAGES, ids=lambda path: f"{path.parts[-3]}-{path.stem}")
def test_stages_are_read_and_written_again(path: Path, tmp_path: Path) -> None:
    kind = _kind(path.stem)
    record = read_record(path, kind)
    write_record(tmp_path / "again.json", record)
    assert json.loads((tmp_path / "again.json").read_text())["version"] == VERSION
    assert read_record(tmp_path / "again.json", kind) == record


@pytest.mark.parametrize("run", RUNS)
def test_manifests_are_read(run: str) -> None:
    manifest = read_record(GOLDEN / run / "manifest.json", Manifest)
    assert manifest.edgeprune == "0.1.0" and manifest.budget.met
    assert manifest.base.candidate is not None and manifest.base.ratio == 1.0
    assert manifest.result.found_by and manifest.result.candidate is not None
    assert manifest.granularity == ("weights" if run == "weights" else "channels")
    assert set(manifest.widths) <= {group.name for group in manifest.groups}
    assert all(0 <= group.after <= group.before for group in manifest.groups)
    assert [rung.met for rung in manifest.ladder] == [True] * (2 if run == "budgets" else 3)
    if run == "weights":
        assert manifest.result.cost == manifest.result.density == 0.1
        assert manifest.baselines["magnitude"].compressed is not None
        assert all(group.beside is not None for group in manifest.groups)
    else:
        assert manifest.result.cost == manifest.result.ratio <= 0.6
        assert {line.found_by for line in manifest.race} > {manifest.result.found_by}


def test_a_rungs_manifest_is_read() -> None:
    manifest = read_record(GOLDEN / "budgets" / "rung.json", RungManifest)
    assert manifest.budget is not None and manifest.budget.text == "0.8x"
    assert manifest.race and manifest.result.met


def test_plans_are_read() -> None:
    channels = load_plan(GOLDEN / "channels" / "plan.json")
    weights = load_plan(GOLDEN / "weights" / "plan.json")
    assert isinstance(channels, Plan) and channels.slices
    assert isinstance(weights, WeightPlan) and not weights.slices and not weights.whole


@pytest.mark.parametrize("run", ["channels", "weights"])
def test_trials_of_a_search_are_read(run: str) -> None:
    (trial,) = read_trials(GOLDEN / run / "search")
    outcome = trial.outcome
    assert outcome.cost == (0.1 if run == "weights" else outcome.latency_ratio)


def test_a_trial_of_a_history_is_read() -> None:
    row = json.loads((GOLDEN / "history_trial.json").read_text())
    outcome = Outcome.from_json(row["outcome"])
    assert outcome.density is None and outcome.cost == outcome.latency_ratio
    assert Comparison.from_json(row["outcome"]["details"]).ratio > 0


def test_what_a_newer_version_wrote_is_told(tmp_path: Path) -> None:
    path = tmp_path / "race.json"
    path.write_text(json.dumps({"version": VERSION + 1, "laps": []}))
    with pytest.raises(RunError, match=r"race.json was written by a newer edgeprune"):
        read_record(path, Race)
    path.write_text('{"version": 2, "contenders": 3}')
    with pytest.raises(RunError, match=r"race.json is no record"):
        read_record(path, Race)

"""How candidates are scored: briefly trained where recovery alone leaves nothing to rank."""

import json
from pathlib import Path

import pytest

import edgeprune as ep
from edgeprune.errors import UserError
from edgeprune.pipeline.stages import scoring
from edgeprune.search import read_trials
from tests.conftest import TINY


def _run(folder: Path, *overrides: str) -> ep.RunResult:
    (folder / "tiny.yaml").write_text(TINY)
    changes = ["search.sampler=knapsack", "search.trials=4", "finetune.epochs=1", *overrides]
    return ep.run(folder / "tiny.yaml", run_dir=folder / "run", overrides=changes, progress=False)


def _scored(result: ep.RunResult) -> tuple[dict[str, object], set[bool]]:
    """The record, and whether trials were trained."""
    record = json.loads((result.directory / "stages" / "scoring.json").read_text())
    trials = read_trials(result.directory / "search") + read_trials(result.directory / "random")
    return record, {"retrain" in one.seconds for one in trials}


@pytest.mark.parametrize(("telling", "trained"), [(2.0, True), (0.01, False)])
def test_candidates_are_trained_where_the_best_allocation_says_little(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, telling: float, trained: bool
) -> None:
    monkeypatch.setattr(scoring, "TELLING", telling)
    result = _run(tmp_path)
    record, seen = _scored(result)
    # A quarter of one epoch over 1,078 images.
    assert record["retrain_images"] == (269 if trained else 0)
    assert 0 < record["best"] <= 1 and 0 < record["base"] <= 1
    assert seen == {trained}
    said = "before it is scored" in (result.directory / "log.txt").read_text()
    assert said == trained


def test_a_resumed_run_keeps_to_what_was_decided(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scoring, "TELLING", 2.0)
    result = _run(tmp_path)
    for name in ("contenders.json", "bundle.json"):
        (result.directory / "stages" / name).unlink()
    monkeypatch.setattr(scoring, "TELLING", 0.01)
    again = ep.resume(result.directory, progress=False)
    assert _scored(again) == _scored(result)


@pytest.mark.parametrize(("setting", "images"), [("0", 0), ("50", 50)])
def test_a_number_is_taken_as_it_is(tmp_path: Path, setting: str, images: int) -> None:
    result = _run(tmp_path, f"recover.retrain_images={setting}")
    assert not (result.directory / "stages" / "scoring.json").exists()
    trials = read_trials(result.directory / "search")
    assert {"retrain" in one.seconds for one in trials} == {images > 0}


def test_nothing_is_trained_that_is_handed_over_untrained(tmp_path: Path) -> None:
    record, seen = _scored(_run(tmp_path, "finetune.epochs=0"))
    assert record["retrain_images"] == 0 and seen == {False}


def test_wrong_numbers_are_told(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"recover\.retrain_images.*'?auto'?.*got -1"):
        _run(tmp_path, "recover.retrain_images=-1")
    assert not (tmp_path / "run").exists()

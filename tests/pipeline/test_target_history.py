"""What was measured on a target before serves later runs."""

import json
from pathlib import Path

import numpy as np
import pytest

from edgeprune.config import load_target
from edgeprune.devices import open_device
from edgeprune.history import History, Staircase, target_facts, target_key
from edgeprune.pipeline import run
from edgeprune.search import read_trials

QUICK = ("search.trials=6", "finetune.epochs=0", "workload.train.epochs=1")


@pytest.fixture
def history(tmp_path: Path) -> Path:
    return tmp_path / "history.db"


def _stage(folder: Path, name: str) -> dict[str, object]:
    return dict(json.loads((folder / "stages" / f"{name}.json").read_text()))


def _errors(folder: Path) -> list[float]:
    outcomes = [trial.outcome for trial in read_trials(folder / "search")]
    return [abs(one.details["predicted_ratio"] / one.latency_ratio - 1) for one in outcomes]


def test_a_second_run_profiles_nothing_and_predicts_as_well(
    tiny_pipeline: Path, tmp_path: Path, history: Path
) -> None:
    for name in ("first", "second"):
        changes = (*QUICK, f"history={history}")
        run(tiny_pipeline, run_dir=tmp_path / name, overrides=changes, progress=False)
    first, second = (_stage(tmp_path / name, "kernels") for name in ("first", "second"))
    assert first["profiled"] > 0 and second["profiled"] == 0
    assert first["table"] and second["table"]
    for name in ("first", "second"):
        assert np.median(_errors(tmp_path / name)) < 0.03


def test_without_a_history_nothing_is_profiled_or_kept(tiny_pipeline: Path, tmp_path: Path) -> None:
    run(tiny_pipeline, run_dir=tmp_path / "run", overrides=QUICK, progress=False)
    assert not (tmp_path / "run" / "stages" / "kernels.json").exists()


def test_learned_multiples_hold_where_the_pipeline_says_nothing(
    tiny_pipeline: Path, tmp_path: Path, history: Path
) -> None:
    with open_device(load_target("simulated")) as device, History.open(str(history)) as kept:
        facts = target_facts(device.conditions())
        kept.target(target_key(facts), facts)
        kept.record_multiples(target_key(facts), {"conv": Staircase(4, 0.1)})
    changes = (*QUICK, f"history={history}")
    run(tiny_pipeline, run_dir=tmp_path / "run", overrides=changes, progress=False)
    assert _stage(tmp_path / "run", "multiples")["by_kind"]["conv"] == 4
    manifest = json.loads((tmp_path / "run" / "manifest.json").read_text())
    wide = {name for name, full in manifest["full_widths"].items() if full >= 32}
    assert all(manifest["widths"][name] % 4 == 0 for name in wide)

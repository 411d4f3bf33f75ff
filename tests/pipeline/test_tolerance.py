"""A budget of accuracy alone: the fastest network that loses no more than it may."""

import json
from pathlib import Path

import pytest

import edgeprune as ep
from edgeprune.errors import ConfigError
from tests.conftest import TINY

FAST = [
    "finetune.epochs=1",
    "workload.train.epochs=2",
    "search.trials=4",
    "search.sampler=knapsack",
]


def _run(folder: Path, drop: float) -> ep.RunResult:
    folder.mkdir()
    text = TINY.replace("{latency: 0.6x}", f"{{accuracy_drop: {drop}}}")
    (folder / "tiny.yaml").write_text(text)
    return ep.run(folder / "tiny.yaml", run_dir=folder / "run", progress=False, overrides=FAST)


def test_a_larger_loss_allows_a_faster_network(tmp_path: Path) -> None:
    strict, lenient = (_run(tmp_path / str(drop), drop) for drop in (3.0, 60.0))
    limits = []
    for result in (strict, lenient):
        found = json.loads((result.directory / "stages" / "tolerance.json").read_text())
        limits.append(found["limit"])
        tried = {one["limit"]: one["lost"] for one in found["tried"]}
        allowed = 3.0 if result is strict else 60.0
        # The limit is the least that kept enough, and what was tried below it did not.
        assert all(lost > allowed for limit, lost in tried.items() if limit < found["limit"])
        assert result.bundle.budget.ratio == found["limit"]
        assert "the fastest with at most" in result.bundle.budget.text
        lost = result.bundle.result.lost
        assert lost is not None
        assert result.met == (lost <= allowed and result.best.latency.ratio <= found["limit"])
    assert limits[1] < limits[0]
    assert lenient.met


def test_joint_training_needs_a_latency(tmp_path: Path) -> None:
    text = (
        TINY.replace("{latency: 0.6x}", "{accuracy_drop: 2}")
        .replace("train: {epochs: 3, lr: 0.1}", "train: {mode: joint}")
        .replace("sampler: amc, ", "")
    )
    (tmp_path / "tiny.yaml").write_text(text)
    with pytest.raises(ConfigError, match="joint trains towards a latency"):
        ep.run(tmp_path / "tiny.yaml", run_dir=tmp_path / "run", progress=False)

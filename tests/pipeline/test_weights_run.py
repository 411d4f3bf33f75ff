"""Runs that prune single weights, and ladders: from the pipeline file to bundles and page."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from onnx import numpy_helper

import edgeprune as ep
from edgeprune.errors import ConfigError, SpaceError
from edgeprune.evaluation import Evaluator
from edgeprune.pipeline.field import FINALISTS
from edgeprune.pipeline.records import RungManifest
from edgeprune.records import read_record
from edgeprune.search import read_trials
from tests.conftest import TINY
from tests.models import tiny_cnn

LAYERS = ("stem.0", "conv1", "conv2", "head")
WEIGHTS = (
    "prune.granularity=weights",
    "budget.sparsity=0.9",
    "search.sampler=qlp",
    "search.trials=18",
    "finetune.epochs=1",
)


def _run(folder: Path, *changes: str, name: str = "run") -> ep.RunResult:
    (folder / "tiny.yaml").write_text(TINY)
    return ep.run(
        folder / "tiny.yaml", run_dir=folder / name, overrides=[*WEIGHTS, *changes], progress=False
    )


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> ep.RunResult:
    return _run(tmp_path_factory.mktemp("masked"))


def _zeros(path: Path) -> float:
    tensors = {one.name: numpy_helper.to_array(one) for one in onnx.load(path).graph.initializer}
    weights = [tensors[f"{name}.weight"] for name in LAYERS]
    return 1 - sum(map(np.count_nonzero, weights)) / sum(one.size for one in weights)


def test_the_written_file_has_the_zeros_that_were_asked_for(finished: ep.RunResult) -> None:
    assert finished.met
    assert 0.9 <= _zeros(finished.directory / "model.onnx") < 0.93
    for name in ("magnitude", "uniform", "random"):
        assert 0.9 <= _zeros(finished.directory / "contenders" / f"{name}.onnx") < 0.93
    result = finished.manifest["result"]
    assert 1 - result["density"] == pytest.approx(_zeros(finished.directory / "model.onnx"))


def test_zeros_make_the_files_smaller_and_no_faster(finished: ep.RunResult) -> None:
    manifest = finished.manifest
    base, result = manifest["base"], manifest["result"]
    assert result["compressed"] < 0.3 * base["compressed"]
    assert manifest["files"]["model.sparse.onnx"]["bytes"] < 0.5 * base["bytes"]
    assert result["ratio"] == pytest.approx(1.0, abs=0.03)
    assert "is a dense runtime, which gains nothing from zeros" in finished.report.read_text()


def test_the_sparse_file_is_verified_like_the_dense_one(finished: ep.RunResult) -> None:
    result = finished.manifest["result"]
    assert result["sparse_verification"]["accuracy"] == result["verification"]["accuracy"]
    assert result["sparse_verification"]["top1_agreement"] > 0.99


def test_the_search_begins_with_global_magnitude(finished: ep.RunResult) -> None:
    first = read_trials(finished.directory / "search")[0]
    assert first.widths == finished.manifest["baselines"]["magnitude"]["widths"]
    assert len(read_trials(finished.directory / "random")) == 18


def test_the_searchs_best_race_with_the_baselines_and_the_most_accurate_is_the_result(
    finished: ep.RunResult,
) -> None:
    manifest, race = finished.manifest, finished.manifest["race"]
    own = [one for one in race if not one["roles"]]
    roles = {role for one in race for role in one["roles"]}
    assert roles == {"magnitude", "uniform", "random"} and 1 <= len(own) <= FINALISTS
    ended = [one for one in race if one["dropped_after"] is None]
    best = max(ended, key=lambda one: max(one["reward_accuracy"].items())[1])
    result = manifest["result"]
    assert result["found_by"] == best["found_by"] and result["widths"] == best["widths"]
    assert all(row["met"] for row in (result, *manifest["baselines"].values()))
    page = finished.report.read_text()
    assert "How the result was chosen" in page and result["found_by"] in page
    assert not list(finished.directory.rglob("*.checkpoint"))


def test_the_worse_half_of_the_finalists_is_dropped(tmp_path: Path) -> None:
    result = _run(tmp_path, "finetune.epochs=2", "search.sampler=random", "search.trials=8")
    own = [one for one in result.manifest["race"] if not one["roles"]]
    dropped = [one for one in own if one["dropped_after"] == 1]
    assert len(own) > 1 and len(dropped) == len(own) // 2
    assert "(own search)" in own[0]["found_by"]
    ran = [one for one in result.manifest["race"] if one["dropped_after"] is None]
    assert {one["epochs"] for one in ran} == {2}


def test_every_regime_has_a_bundle_that_loads(finished: ep.RunResult) -> None:
    ladder = finished.manifest["ladder"]
    assert [one["regime"] for one in ladder] == ["50%", "80%", "90%"]
    images = np.random.default_rng(0).standard_normal((1, 3, 32, 32)).astype(np.float32)
    for rung, least in zip(ladder, (0.5, 0.8, 0.9), strict=True):
        folder = finished.directory / rung["path"]
        assert rung["met"] and _zeros(folder / "model.onnx") >= least
        assert read_record(folder / "manifest.json", RungManifest).regime == rung["regime"]
        session = onnxruntime.InferenceSession(folder / "model.onnx")
        written = session.run(None, {session.get_inputs()[0].name: images})[0]
        with torch.inference_mode():
            loaded = ep.load_bundle(folder, build=tiny_cnn)(torch.from_numpy(images)).numpy()
        np.testing.assert_allclose(loaded, written, atol=1e-4)
    page = finished.report.read_text()
    assert "chart-ladder" in page and "ladder/sparsity-80" in page


def _interrupted(
    folder: Path, monkeypatch: pytest.MonkeyPatch, *changes: str
) -> tuple[ep.RunResult, int]:
    """A run that is stopped in its ninth evaluation, and taken up again."""
    calls = 0
    evaluate = Evaluator.__call__

    def stop(self: Evaluator, densities: dict[str, int]) -> Any:
        nonlocal calls
        calls += 1
        if calls == 9:
            raise KeyboardInterrupt
        return evaluate(self, densities)

    monkeypatch.setattr(Evaluator, "__call__", stop)
    with pytest.raises(KeyboardInterrupt):
        _run(folder, *changes, name="stopped")
    return ep.resume(folder / "stopped", progress=False), calls


def _found(result: ep.RunResult) -> list[Any]:
    trials = [read_trials(result.directory / name) for name in ("search", "random")]
    return [(one.widths, one.outcome.accuracy) for found in trials for one in found]


def test_a_stopped_run_goes_on_to_the_same_model(
    finished: ep.RunResult, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    again, calls = _interrupted(tmp_path, monkeypatch)
    assert _found(again) == _found(finished)
    # Nothing that was evaluated before the interruption is evaluated again.
    assert calls == 2 * 18 + 1
    weights = [one.directory / "weights.safetensors" for one in (finished, again)]
    assert weights[0].read_bytes() == weights[1].read_bytes()


def test_purl_prunes_weights_on_the_local_target_and_resumes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "here.yaml").write_text(
        "{name: here, kind: local, runtime: onnxruntime, measure: {warmup: 1, runs: 20}}"
    )
    changes = (
        f"target={tmp_path / 'here.yaml'}",
        "search.sampler=purl",
        "search.trials=10",
        "finetune.epochs=0",
        "recover.images=64",
        "recover.retrain_images=64",
    )
    whole = _run(tmp_path, *changes)
    again, _ = _interrupted(tmp_path, monkeypatch, *changes)
    assert _found(again) == _found(whole)
    assert again.met and again.manifest["ladder"] == []
    assert len(again.manifest["result"]["candidate"]["samples_ms"]) > 1


def test_a_qlp_run_on_channels_has_a_ladder_too(tmp_path: Path) -> None:
    (tmp_path / "tiny.yaml").write_text(TINY)
    result = ep.run(
        tmp_path / "tiny.yaml",
        run_dir=tmp_path / "run",
        overrides=["search.sampler=qlp", "search.trials=16", "finetune.epochs=0"],
        progress=False,
    )
    ladder = result.manifest["ladder"]
    assert [one["regime"] for one in ladder] == ["0.8x", "0.7x", "0.6x"]
    base = result.manifest["base"]["parameters"]
    for rung in ladder:
        assert rung["met"] and rung["cost"] <= float(rung["regime"].rstrip("x"))
        model = ep.load_bundle(result.directory / rung["path"], build=tiny_cnn)
        kept = sum(one.numel() for one in model.parameters())
        assert kept == rung["parameters"] < base
    assert "chart-ladder" in result.report.read_text()
    assert json.loads((result.directory / "manifest.json").read_text())["ladder"] == ladder


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("budget.latency=0.5x", r"granularity is weights, but the budget is 0.5x of latency"),
        ("prune.granularity=channels", r"budget.sparsity is 0.9, but prune.granularity is chan"),
        ("search.sampler=bocr", r"search.sampler is bocr; with .* allowed: amc, purl, qlp"),
        ("search.reward=mnas", r"search.reward is mnas; .* allowed: accuracy"),
        ("search.precision=int8", r"search.precision is int8; .* allowed: float32"),
        ("prune.importance=taylor", r"prune.importance is taylor; .* allowed: leave it out"),
        ("prune.min_keep=0.2", r"prune.min_keep is 0.2; .* allowed: leave it out"),
        ("search.warm_start=history", r"search.warm_start is history; .* allowed: null"),
        ("recover.recalibrate_bn=false", r"recover.recalibrate_bn is False; .* allowed: true"),
        ("export.qat_epochs=2", r"export.qat_epochs is 2; .* allowed: 0"),
    ],
)
def test_settings_that_mean_nothing_for_weights_are_refused_before_anything_is_done(
    change: str, message: str, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match=message):
        _run(tmp_path, change)
    assert not (tmp_path / "run").exists()


def test_a_sparsity_that_no_mask_reaches_is_told_with_what_can_be_reached(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"budget.sparsity is 0.999; allowed: at most 0.99"):
        _run(tmp_path, "budget.sparsity=0.999", "workload.train.epochs=1")


def test_layers_can_be_left_out_by_name(tmp_path: Path) -> None:
    changes = ("prune.exclude=[head]", "search.sampler=random", "search.trials=2")
    result = _run(tmp_path, *changes, "finetune.epochs=0")
    assert set(result.manifest["widths"]) == set(LAYERS) - {"head"}
    with pytest.raises(SpaceError, match="'haed' matches no layer of the model; did you mean"):
        _run(tmp_path, "prune.exclude=[haed]", name="misspelt")

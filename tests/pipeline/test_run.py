import json
import shutil
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch

import edgeprune as ep
from edgeprune.errors import RunError, TargetError, UserError
from edgeprune.pipeline import precision
from edgeprune.search import read_trials
from tests.models import tiny_cnn


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> ep.RunResult:
    from tests.conftest import TINY

    folder = tmp_path_factory.mktemp("finished")
    (folder / "tiny.yaml").write_text(TINY)
    return ep.run(folder / "tiny.yaml", run_dir=folder / "run", progress=False)


def test_meets_the_budget_by_measurement(finished: ep.RunResult) -> None:
    result = finished.manifest["result"]
    assert finished.met
    assert result["ratio"] <= 0.6
    assert result["macs"] < finished.manifest["base"]["macs"]
    assert len(result["candidate"]["samples_ms"]) > 1


def test_every_contender_is_scored_once_on_the_test_split(finished: ep.RunResult) -> None:
    manifest = finished.manifest
    rows = [manifest["base"], manifest["result"], *manifest["baselines"].values()]
    assert {row["name"] for row in rows} == {"base", "result", "uniform", "filled", "random"}
    assert len({row["verification"]["images"] for row in rows}) == 1
    assert all(row["verification"]["top1_agreement"] > 0.99 for row in rows)


def test_the_comparison_has_as_many_trials(finished: ep.RunResult) -> None:
    assert len(read_trials(finished.directory / "search")) == 12
    assert len(read_trials(finished.directory / "random")) == 12


def test_no_widths_are_evaluated_twice(finished: ep.RunResult) -> None:
    for name in ("search", "random"):
        seen = [tuple(trial.widths.items()) for trial in read_trials(finished.directory / name)]
        assert len(set(seen)) == len(seen)


def test_bundle_computes_what_the_file_computes(finished: ep.RunResult) -> None:
    model = ep.load_bundle(finished.directory, build=tiny_cnn)
    images = torch.randn(4, 3, 32, 32)
    session = onnxruntime.InferenceSession(finished.directory / "model.onnx")
    outputs = session.run(None, {session.get_inputs()[0].name: images.numpy()})[0]
    with torch.inference_mode():
        expected = model(images).numpy()
    assert np.abs(outputs - expected).max() < 1e-4
    widths = finished.manifest["widths"]
    assert model.conv1.out_channels == widths["conv1"] < 24


def test_own_code_is_imported_from_a_bundle_only_where_it_is_trusted(
    finished: ep.RunResult,
) -> None:
    with pytest.raises(RunError, match=r"build=.*trust=True"):
        ep.load_bundle(finished.directory)
    given, named = (
        ep.load_bundle(finished.directory, **how).state_dict()
        for how in ({"build": tiny_cnn}, {"trust": True})
    )
    assert all(torch.equal(named[name], weight) for name, weight in given.items())


def test_a_changed_file_is_noticed(finished: ep.RunResult, tmp_path: Path) -> None:
    for name in ("manifest.json", "model.onnx", "plan.json", "weights.safetensors"):
        (tmp_path / name).write_bytes((finished.directory / name).read_bytes())
    (tmp_path / "model.onnx").write_bytes(b"other")
    with pytest.raises(RunError, match=r"model\.onnx was changed"):
        ep.load_bundle(tmp_path, build=tiny_cnn)


def test_report_is_written_and_can_be_rewritten(finished: ep.RunResult) -> None:
    from edgeprune.pipeline import write_report

    first = finished.report.read_text()
    assert "uniform" in first and "random search" in first
    finished.report.unlink()
    assert write_report(finished.directory).read_text() == first


def test_resuming_a_finished_run_does_nothing_again(finished: ep.RunResult) -> None:
    before = (finished.directory / "manifest.json").read_bytes()
    again = ep.resume(finished.directory, progress=False)
    assert (finished.directory / "manifest.json").read_bytes() == before
    assert again.manifest == json.loads(before)


def test_a_run_of_a_version_without_a_setting_is_taken_up(
    finished: ep.RunResult, tiny_pipeline: Path, tmp_path: Path
) -> None:
    older = shutil.copytree(finished.directory, tmp_path / "older")
    kept = (older / "pipeline.yaml").read_text()
    (older / "pipeline.yaml").write_text(kept.replace("  cpus_per_worker: 1\n", ""))
    assert (older / "pipeline.yaml").read_text() != kept
    again = ep.run(tiny_pipeline, run_dir=older, progress=False)
    assert again.manifest == finished.manifest


def test_another_pipelines_directory_is_refused(
    finished: ep.RunResult, tiny_pipeline: Path
) -> None:
    with pytest.raises(RunError, match="another pipeline"):
        ep.run(
            tiny_pipeline,
            run_dir=finished.directory,
            overrides=["budget.latency=0.7x"],
            progress=False,
        )


def test_a_folder_of_something_else_is_refused(tmp_path: Path, tiny_pipeline: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("keep")
    with pytest.raises(RunError, match="not a run directory"):
        ep.run(tiny_pipeline, run_dir=tmp_path / "mine", progress=False)


def test_resume_needs_a_run(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="no run directory"):
        ep.resume(tmp_path, progress=False)


def test_report_needs_a_finished_run(tmp_path: Path, tiny_pipeline: Path) -> None:
    from edgeprune.pipeline import write_report

    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "pipeline.yaml").write_text(tiny_pipeline.read_text())
    with pytest.raises(RunError, match="has not finished"):
        write_report(tmp_path / "run")


def test_a_budget_out_of_reach_writes_the_best_and_says_so(
    tmp_path: Path, tiny_pipeline: Path
) -> None:
    result = ep.run(
        tiny_pipeline,
        run_dir=tmp_path / "run",
        overrides=["budget.latency=0.02x", "finetune.epochs=0", "workload.train.epochs=1"],
        progress=False,
    )
    assert not result.met
    assert (result.directory / "model.onnx").exists()
    assert result.manifest["result"]["ratio"] > 0.02


def test_a_budget_that_asks_for_nothing_is_refused(tmp_path: Path, tiny_pipeline: Path) -> None:
    text = tiny_pipeline.read_text().replace("latency: 0.6x", "latency_ms: 9000")
    tiny_pipeline.write_text(text)
    with pytest.raises(UserError, match="asks for nothing"):
        ep.run(tiny_pipeline, run_dir=tmp_path / "run", progress=False)


def test_a_runtime_that_takes_no_candidates_is_refused_before_anything_is_trained(
    tiny_pipeline: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(precision, "taken_by", lambda target: ("npu",))
    with pytest.raises(TargetError, match=r"'simulated'.*allowed: onnxruntime, tflite, tvm"):
        ep.run(tiny_pipeline, run_dir=tmp_path / "run")

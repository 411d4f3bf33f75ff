"""Pipelines on a TFLite target: candidates, layer times and the result are TFLite files."""

import json
import sys
from pathlib import Path

import pytest
import torch

from edgeprune.config import load_pipeline
from edgeprune.errors import SlicingError, TargetError
from edgeprune.export.litert import converter_python
from edgeprune.export.litert.environment import PYTHON_VARIABLE
from edgeprune.export.tflite_slicing import opening
from edgeprune.pipeline import run, tflite_files, verify_file
from edgeprune.pipeline.checking import check_pipeline
from edgeprune.pipeline.session import channel_space
from edgeprune.quantization.tflite_running import TfliteFile
from edgeprune.search import read_trials
from edgeprune.workloads import load_workload

pytest.importorskip("ai_edge_quantizer", reason="the extra `tflite` is not installed")

from tests.export.hand_converted import Net, converted


def _is_there() -> bool:
    try:
        converter_python()
    except TargetError:
        return False
    return True


needs_converter = pytest.mark.skipif(
    not _is_there(), reason="the converter is not installed: edgeprune setup tflite"
)
QUICK = ("target=local-tflite", "workload.train.epochs=1", "finetune.epochs=0")
PHONE = "{name: phone, extends: android-termux, runtime: tflite, ssh: {host: phone.invalid}}"
BOARD = "{name: board, extends: raspberry-pi-4, runtime: tflite, ssh: {host: board.invalid}}"


def _by_hand(model: Net, example: torch.Tensor) -> tuple[bytes, str]:
    """A converter that needs no environment of its own."""
    return converted(model, example.shape[-1]), "by hand"


def test_a_run_measures_profiles_and_writes_tflite_files(
    tiny_pipeline: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EDGEPRUNE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv(PYTHON_VARIABLE, sys.executable)
    monkeypatch.setattr(opening, "to_tflite", _by_hand)
    target = tmp_path / "desk.yaml"
    measure = "measure: {warmup: 1, runs: 12, probe_s: 5}"
    target.write_text(f"{{name: desk, extends: local-tflite, {measure}}}")
    overrides = (
        "workload.model.name=tests.export.hand_converted:Net",
        "workload.train.epochs=1",
        "finetune.epochs=0",
        "search.trials=3",
        "search.curves_s=1",
        f"target={target}",
        f"history={tmp_path / 'history.db'}",
    )
    result = run(tiny_pipeline, run_dir=tmp_path / "run", overrides=overrides, progress=False)
    assert result.manifest["target"]["runtime"] == "tflite"
    (artifact,) = result.manifest["artifacts"]
    assert (artifact["format"], artifact["precision"]) == ("tflite", "float32")
    assert artifact["kept"] and artifact["verification"]["top1_agreement"] == 1.0
    file = tmp_path / "run" / artifact["path"]
    assert file.read_bytes()[4:8] == b"TFL3" and artifact["converter"].endswith("sliced")
    kernels = json.loads((tmp_path / "run" / "stages" / "kernels.json").read_text())
    assert kernels["profiled"] >= 10
    found = {one["signature"]["kind"] for one in kernels["table"]}
    assert found == {"conv", "depthwise", "linear", "rest"}
    layers = {one["name"]: one for one in result.manifest["layers"]}
    assert layers["stem"]["op"] == "CONV_2D" and layers["stem"]["before_channels"] == "3->8"
    assert {"depthwise", "blocks.1.conv1", "head"} <= layers.keys()
    trials = read_trials(tmp_path / "run" / "search")
    assert all(one.outcome.details["predicted_ratio"] is not None for one in trials)
    checked = verify_file(file, tmp_path / "run", target=str(target), progress=False)
    assert checked.verification.top1_agreement == 1.0 and checked.comparison is not None


@pytest.mark.slow
@needs_converter
def test_a_search_in_int8_scores_and_measures_int8_files(
    tiny_pipeline: Path, tmp_path: Path
) -> None:
    overrides = (
        *QUICK,
        "search.trials=2",
        "search.precision=int8",
        "export.precision=[int8]",
        "export.accuracy_drop=100",
        "budget.latency=0.9x",
    )
    result = run(tiny_pipeline, run_dir=tmp_path / "run", overrides=overrides, progress=False)
    assert result.manifest["target"]["precision"] == "int8"
    full = (tmp_path / "run" / "contenders" / "base.onnx").stat().st_size
    told = json.loads((tmp_path / "run" / "stages" / "base.json").read_text())["bytes"]
    assert told < 0.7 * full  # of the file that is measured
    for trial in read_trials(tmp_path / "run" / "search"):
        assert 0 < trial.outcome.bytes < 0.7 * full
    found = {one["precision"]: one for one in result.manifest["artifacts"]}
    assert set(found) == {"float32", "int8"}
    assert found["int8"]["verification"]["top1_agreement"] > 0.8


@pytest.mark.slow
@needs_converter
def test_where_slicing_does_not_hold_candidates_are_converted_and_that_is_said_once(
    tiny_pipeline: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object) -> None:
        msg = "operator CUMSUM of 'head': it is not known how it is cut"
        raise SlicingError(msg)

    converted: list[int] = []

    def counted(*arguments: object) -> tuple[bytes, str]:
        converted.append(1)
        return real(*arguments)  # type: ignore[arg-type]

    real = tflite_files.to_tflite
    monkeypatch.setattr(tflite_files, "open_slicer", refused)
    monkeypatch.setattr(tflite_files, "to_tflite", counted)
    config = load_pipeline(tiny_pipeline)
    workload = load_workload(config.workload)
    space, said = channel_space(config, workload), list[str]()
    files = tflite_files.TfliteFiles(workload, space, said.append)
    plan = space.plan(space.scaled(0.5))
    content = space.template.candidate(plan.cut(workload.model.state_dict()))
    images, _ = next(iter(workload.splits.test.batches(4)))
    found = TfliteFile(files(content))(images.numpy())[0]
    expected = plan.apply(workload.model).eval()(images).detach().numpy()
    assert abs(found - expected).max() <= 1e-4 * abs(expected).max()
    assert files(content) == files(content) and len(converted) == 1 and files.nodes == {}
    assert len(said) == 1 and "operator CUMSUM of 'head'" in said[0]


@needs_converter
@pytest.mark.parametrize("profile", [PHONE, BOARD], ids=["android", "raspberry"])
def test_boards_with_tflite_are_accepted_up_to_the_connection(
    tiny_pipeline: Path, tmp_path: Path, profile: str
) -> None:
    target = tmp_path / "device.yaml"
    target.write_text(profile)
    links = list(check_pipeline(tiny_pipeline, [f"target={target}"]))
    assert [one.name for one in links if one.state == "broken"] == ["connection"]
    formats = next(one for one in links if one.name == "formats")
    assert "onnx, tflite" in formats.found

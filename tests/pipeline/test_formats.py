"""Other formats at the end of a run: TFLite files and TVM libraries, judged as ONNX files are."""

import json
from pathlib import Path
from typing import Any

import pytest

from edgeprune.errors import ConfigError, RunError, TargetError, VerificationError
from edgeprune.pipeline import export_run, judging, run, verify_file
from edgeprune.pipeline.timing import ArtifactTimer

LAYERS = ("stem.0", "conv1", "conv2", "head")
QUICK = ("search.trials=3", "finetune.epochs=0")
SIMULATED = "{name: desk, kind: simulated, simulated: {}, tvm: {allow_untuned: true}}"
LOCAL = "{name: here, kind: local, tvm: {allow_untuned: true}, measure: {warmup: 1, runs: 20}}"


def _exported(*arguments: Any, **settings: Any) -> list[dict[str, Any]]:
    """The records as they stand in the manifest."""
    return [one.model_dump(mode="json") for one in export_run(*arguments, **settings)]


def _run(pipeline: Path, folder: Path, profile: str, *changes: str) -> dict[str, dict[str, Any]]:
    target = folder / "target.yaml"
    target.write_text(profile)
    overrides = (*QUICK, f"target={target}", *changes)
    result = run(pipeline, run_dir=folder / "run", overrides=overrides, progress=False)
    return {f"{one['format']} {one['precision']}": one for one in result.manifest["artifacts"]}


def test_a_library_that_cannot_be_timed_is_kept_in_float32_only(
    tiny_pipeline: Path, tmp_path: Path
) -> None:
    pytest.importorskip("tvm.relax", reason="the extra `tvm` is not installed")
    changes = ("export.formats=[onnx,tvm]", "export.precision=[int8]", "export.accuracy_drop=100")
    found = _run(tiny_pipeline, tmp_path, SIMULATED, *changes)
    assert set(found) == {"onnx int8", "tvm float32", "tvm int8"}
    plain, lower = found["tvm float32"], found["tvm int8"]
    assert plain["kept"] and "is simulated" in plain["not_timed"] and "ratio" not in plain
    assert plain["verification"]["top1_agreement"] == 1.0 and plain["untuned"] > 3
    assert not lower["kept"] and lower["reason"].startswith("was not timed, so it is not known")
    folder = tmp_path / "run"
    assert (folder / plain["path"]).is_file() and (folder / f"{plain['path']}.json").is_file()
    assert lower["path"].startswith("rejected/") and (folder / lower["path"]).is_file()
    page = (folder / "report.html").read_text()
    assert plain["path"] in page and "its cost model knows ONNX files only" in page
    again = _run(tiny_pipeline, tmp_path, SIMULATED, *changes)
    assert again == found
    found = verify_file(folder / plain["path"], folder, progress=False)
    assert found.verification.top1_agreement == 1.0 and "not tuned" in found.warnings[0]


def test_what_cannot_be_made_loses_nothing_of_the_run(tiny_pipeline: Path, tmp_path: Path) -> None:
    pytest.importorskip("tvm.relax", reason="the extra `tvm` is not installed")
    profile = SIMULATED.replace("true", "false")
    found = _run(tiny_pipeline, tmp_path, profile, "export.formats=[tvm]")["tvm float32"]
    assert not found["kept"] and found["path"] is None
    assert "kernels of this model are not tuned" in found["reason"]
    assert (tmp_path / "run" / "model.onnx").is_file()
    assert "not written" in (tmp_path / "run" / "report.html").read_text()


def test_a_library_for_another_processor_is_tried_on_the_target_beside_a_stand_in(
    tiny_pipeline: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Here the target is this machine, taken for a foreign one: both sides really run."""
    pytest.importorskip("tvm.relax", reason="the extra `tvm` is not installed")
    from edgeprune.export.formats import tvm

    monkeypatch.setattr(tvm, "is_foreign", lambda _: True)
    found = _run(tiny_pipeline, tmp_path, LOCAL, "export.formats=[tvm]")["tvm float32"]
    assert found["kept"] and found["difference_there"] < 1e-5
    assert found["verified_on"] == "the same network compiled for this machine"
    assert found["verification"]["top1_agreement"] == 1.0 and "latency" in found
    assert "compiled for this machine" in (tmp_path / "run" / "report.html").read_text()
    outputs = ArtifactTimer.outputs
    monkeypatch.setattr(
        ArtifactTimer, "outputs", lambda *given: [1.1 * one for one in outputs(*given)]
    )
    (again,) = _exported(tmp_path / "run", precision=["float32"], formats=["tvm"], progress=False)
    assert not again["kept"] and "something else on the target than here" in again["reason"]


def test_a_missing_converter_is_told_before_the_search(
    tiny_pipeline: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("ai_edge_quantizer", reason="the extra `tflite` is not installed")
    monkeypatch.delenv("EDGEPRUNE_LITERT_PYTHON", raising=False)
    monkeypatch.setenv("EDGEPRUNE_CACHE", str(tmp_path))
    with pytest.raises(TargetError, match="edgeprune setup tflite"):
        _run(tiny_pipeline, tmp_path, SIMULATED, "export.formats=[tflite]")
    assert not (tmp_path / "run" / "contenders" / "base.safetensors").exists()


def test_wrong_files_are_told(tiny_pipeline: Path, tmp_path: Path) -> None:
    _run(tiny_pipeline, tmp_path, SIMULATED)
    folder = tmp_path / "run"
    with pytest.raises(ConfigError, match=r"unknown format 'tflight'.*did you mean 'tflite'"):
        export_run(folder, precision=["int8"], formats=["tflight"])
    with pytest.raises(ConfigError, match=r"is the run's model\.onnx"):
        export_run(folder, precision=["float32"])
    with pytest.raises(RunError, match=r"allowed: \.onnx, \.tflite, \.so"):
        verify_file(folder / "plan.json", folder)
    half = tmp_path / "half.onnx"
    half.write_bytes((folder / "model.onnx").read_bytes()[:1000])
    with pytest.raises(VerificationError, match=r"half\.onnx|not a whole ONNX file"):
        verify_file(half, folder, progress=False)


@pytest.mark.slow
def test_every_format_in_every_precision_on_this_machine(
    tiny_pipeline: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("tvm.relax", reason="the extra `tvm` is not installed")
    pytest.importorskip("ai_edge_quantizer", reason="the extra `tflite` is not installed")
    found = _run(
        tiny_pipeline,
        tmp_path,
        LOCAL,
        "export.formats=[onnx,tflite,tvm]",
        "export.precision=[float16,int8]",
        "export.max_transposes=0",
    )
    formats = ("onnx", "tflite", "tvm")
    lower = [f"{form} {one}" for form in formats for one in ("float16", "int8")]
    assert set(found) == {"tflite float32", "tvm float32", *lower}
    for name, one in found.items():
        # Which widths win depends on what the machine measures; int8 of some agrees on 0.897.
        least = 0.85 if one["precision"] == "int8" else 0.99
        assert one["verification"]["top1_agreement"] > least, name
        assert one["lint"]["transposes"] == 0 and "latency" in one, name
        assert one["kept"] == (not one["reason"]) and ("ratio" in one) == (name in lower), name
    assert found["tflite float32"]["kept"] and found["tvm float32"]["kept"]
    folder = tmp_path / "run"
    page = (folder / "report.html").read_text()
    manifest = json.loads((folder / "manifest.json").read_text())
    assert all(one["path"] in page for one in manifest["artifacts"])
    target = str(tmp_path / "target.yaml")
    checked = verify_file(folder / "model.tflite", folder, target=target, progress=False)
    assert checked.verification.top1_agreement == 1.0
    assert checked.comparison is not None and checked.comparison.candidate.level_ms > 0
    half = tmp_path / "half.tflite"
    half.write_bytes((folder / "model.tflite").read_bytes()[:3000])
    with pytest.raises(VerificationError, match="not a whole TFLite file"):
        verify_file(half, folder, progress=False)
    answers = [["loses 9.00 points to float32; allowed: 1"], []]
    monkeypatch.setattr(judging, "accuracy_reasons", lambda *_: answers.pop(0))
    (again,) = _exported(folder, precision=["int8"], formats=["tflite"], progress=False)
    kept_float = {f"{one} {layer}" for one in ("CONV_2D", "FULLY_CONNECTED") for layer in LAYERS}
    assert len(again["lint"]["float_layers"]) == len(again["float_layers"]) == 3
    assert set(again["lint"]["float_layers"]) < kept_float and "first_try" in again
    after = json.loads((folder / "manifest.json").read_text())["artifacts"]
    assert len(after) == len(found) and again in after

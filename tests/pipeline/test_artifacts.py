"""Lower precisions at the end of a run: kept only if they are right and faster."""

import json
from pathlib import Path
from typing import Any

import pytest

from edgeprune.devices import Comparison, Measurement
from edgeprune.devices.simulated import SimulatedDevice
from edgeprune.errors import ConfigError, RunError, VerificationError
from edgeprune.export import read_manifest
from edgeprune.export.formats.onnx import OnnxFormat
from edgeprune.pipeline import export_run, run, verify_file

QUICK = ("search.trials=3", "finetune.epochs=0")


def _exported(*arguments: Any, **settings: Any) -> list[dict[str, Any]]:
    """The records as they stand in the manifest."""
    return [one.model_dump(mode="json") for one in export_run(*arguments, **settings)]


@pytest.fixture
def finished(tiny_pipeline: Path, tmp_path: Path) -> Path:
    run(tiny_pipeline, run_dir=tmp_path / "run", overrides=QUICK, progress=False)
    return tmp_path / "run"


def _times(monkeypatch: pytest.MonkeyPatch, ratio: float) -> None:
    """A device on which every candidate takes this share of the time."""

    def compare(self: SimulatedDevice, candidate: bytes, baseline: bytes) -> Comparison:
        sides = [Measurement((value,) * 20, 1.0, {"clock": "simulated"}) for value in (ratio, 1.0)]
        return Comparison(*sides)

    monkeypatch.setattr(SimulatedDevice, "compare", compare)


def _artifact(folder: Path) -> dict[str, Any]:
    (record,) = json.loads((folder / "manifest.json").read_text())["artifacts"]
    return record


def test_an_accurate_and_faster_file_is_kept(
    finished: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _times(monkeypatch, 0.6)
    (record,) = _exported(finished, precision=["int8"], drop=100.0, progress=False)
    assert record["kept"] and record["path"] == "model-int8.onnx" and record["ratio"] == 0.6
    assert (finished / "model-int8.onnx").is_file() and not (finished / "rejected").exists()
    assert _artifact(finished) == record
    assert "model-int8.onnx" in (finished / "report.html").read_text()
    read_manifest(finished)
    _times(monkeypatch, 1.1)
    (again,) = _exported(finished, precision=["int8"], drop=100.0, progress=False)
    assert not again["kept"] and not (finished / "model-int8.onnx").exists()


def test_a_slower_file_is_rejected_with_the_reason(
    finished: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _times(monkeypatch, 1.1)
    (record,) = _exported(finished, precision=["int8"], drop=100.0, progress=False)
    assert not record["kept"] and "not surely faster than float32: 1.100x" in record["reason"]
    assert (finished / "rejected" / "model-int8.onnx").is_file()
    assert not (finished / "model-int8.onnx").exists()


def test_an_inaccurate_int8_is_tried_again_with_its_noisiest_layers_in_float(
    finished: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from edgeprune.pipeline import judging

    _times(monkeypatch, 0.6)
    answers = [["loses 9.00 points to float32; allowed: 1"], []]
    monkeypatch.setattr(judging, "accuracy_reasons", lambda *_: answers.pop(0))
    (record,) = _exported(finished, precision=["int8"], progress=False)
    assert not answers
    assert record["kept"] and not record["first_try"]["kept"]
    assert set(record["lint"]["float_layers"]) == set(record["float_layers"])
    assert len(record["noisiest_db"]) >= len(record["float_layers"]) > 0


def test_an_int8_that_stays_inaccurate_is_trained_for(
    tiny_pipeline: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("torchao", reason="the extra `qat` is not installed")
    monkeypatch.setattr("edgeprune.pipeline.stages.artifacts.KEPT_IN_FLOAT", 1)  # it has but three
    recipe = tmp_path / "coarse.yaml"  # cuts off nearly half of what the layers compute
    recipe.write_text("{name: coarse, images: 64, method: percentile, percentile: 55}")
    folder = tmp_path / "run"
    changes = (
        "search.trials=3",
        "export.precision=[int8]",
        f"export.calibration={recipe}",
        "export.qat_epochs=1",
    )
    run(tiny_pipeline, run_dir=folder, overrides=changes, progress=False)
    record = _artifact(folder)
    first, second = record["first_try"], record["second_try"]
    assert first["inaccurate"] and second["inaccurate"] and second["float_layers"]
    assert record["qat_epochs"] == 1 and "float_layers" not in record
    assert len({one["sha256"] for one in (first, second, record)}) == 3
    assert "trained for int8 in 1 epochs" in (folder / "report.html").read_text()
    read_manifest(folder)


def test_an_int8_that_does_not_run_is_not_looked_into(
    finished: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path, content: bytes = b"") -> None:
        msg = f"{path} cannot be loaded"
        raise VerificationError(msg)

    monkeypatch.setattr(OnnxFormat, "run", lambda self, path: refuse(path))
    monkeypatch.setattr(OnnxFormat, "noise", lambda self, *_: refuse(finished))
    (record,) = _exported(finished, precision=["int8"], progress=False)
    assert not record["kept"] and "cannot be loaded" in record["reason"]
    assert "first_try" not in record and (finished / record["path"]).is_file()
    assert "cannot be loaded" in (finished / "report.html").read_text()


def test_a_pipeline_can_ask_for_it_and_resume(tiny_pipeline: Path, tmp_path: Path) -> None:
    changes = (*QUICK, "export.precision=[float16]")
    run(tiny_pipeline, run_dir=tmp_path / "run", overrides=changes, progress=False)
    before = _artifact(tmp_path / "run")
    assert before["format"] == "onnx" and before["verification"]["top1_agreement"] > 0.9
    again = run(tiny_pipeline, run_dir=tmp_path / "run", overrides=changes, progress=False)
    assert again.manifest["artifacts"] == [before]


def test_any_file_is_verified_beside_a_run(finished: Path) -> None:
    found = verify_file(finished / "model.onnx", finished, target="simulated", progress=False)
    record = found.to_json()
    assert record["top1_agreement"] == 1.0 and record["max_abs_difference"] < 1e-4
    assert 0.9 < record["ratio"] < 1.1 and record["warnings"] == []


def test_wrong_input_is_told(finished: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"precision 'int4'; allowed: float32, float16, int8"):
        export_run(finished, precision=["int4"])
    with pytest.raises(ConfigError, match="unknown calibration recipe 'none'"):
        export_run(finished, precision=["int8"], calibration="none", progress=False)
    with pytest.raises(RunError, match="is not there"):
        verify_file(tmp_path / "none.onnx", finished)
    with pytest.raises(RunError, match="no run directory"):
        export_run(tmp_path, precision=["int8"])

"""What cannot be built is said, with the way out, and leaves an earlier build as it was."""

from pathlib import Path

import onnx
import pytest
from onnx import TensorProto, helper

pytest.importorskip("elftools", reason="the extra `boards` is not installed")

from edgeprune.deploy import build
from edgeprune.deploy.replacing import replaced
from edgeprune.errors import ConfigError, RunError, TargetError, WorkloadError
from tests.deploy.bundles import seal, write_bundle


def profile(folder: Path, text: str) -> str:
    path = folder / "mine.yaml"
    path.write_text(text)
    return str(path)


def test_a_run_that_has_not_finished(tmp_path: Path) -> None:
    (tmp_path / "pipeline.yaml").write_text("target: local\n")
    with pytest.raises(RunError, match=r"has not finished; finish it: edgeprune resume"):
        build(tmp_path, "local", output=tmp_path / "dist")
    with pytest.raises(RunError, match=r"holds no bundle"):
        build(tmp_path / "nowhere", "local", output=tmp_path / "dist")
    assert not (tmp_path / "dist").exists()


def test_a_file_that_was_changed_after_the_run(tmp_path: Path) -> None:
    run = write_bundle(tmp_path / "run")
    content = bytearray((run / "model.onnx").read_bytes())
    content[-20] ^= 1
    (run / "model.onnx").write_bytes(content)
    with pytest.raises(RunError, match=r"model\.onnx was changed after the run: SHA-256"):
        build(run, "local", output=tmp_path / "dist")


def test_an_artifact_that_was_changed_after_the_run(tmp_path: Path) -> None:
    record = {"kept": True, "format": "tflite", "path": "model.tflite", "sha256": "0" * 64}
    run = write_bundle(tmp_path / "run", artifacts=[record])
    (run / "model.tflite").write_bytes(b"TFL3")
    with pytest.raises(RunError, match=r"model\.tflite is missing or was changed"):
        build(run, "local", output=tmp_path / "dist")


def test_a_target_whose_toolchain_is_missing(
    bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(TargetError, match=r"needs cmake, aarch64-linux-gnu-gcc.*make cross"):
        build(bundle, "raspberry-pi-4", output=tmp_path / "dist")


def test_a_target_of_no_known_architecture(bundle: Path, tmp_path: Path) -> None:
    with pytest.raises(TargetError, match=r"'simulated' names no architecture.*aarch64"):
        build(bundle, "simulated", output=tmp_path / "dist")


def test_an_unknown_runner(bundle: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="'compild'; allowed: onnxruntime, compiled; did you"):
        build(bundle, "local", output=tmp_path / "dist", runners=["compild"])


def test_a_runner_that_the_device_cannot_have(bundle: Path, tmp_path: Path) -> None:
    target = profile(
        tmp_path,
        "{name: mine, kind: local, onnxruntime: {providers: [TensorrtExecutionProvider]}}",
    )
    with pytest.raises(TargetError, match=r"'onnxruntime' cannot be built for 'mine': Tensorrt"):
        build(bundle, target, output=tmp_path / "dist", runners=["onnxruntime"])


def test_a_device_with_an_older_glibc_keeps_the_earlier_build(bundle: Path, tmp_path: Path) -> None:
    target = profile(tmp_path, "{name: mine, kind: local, glibc: '2.9'}")
    earlier = tmp_path / "dist/mine/manifest.json"
    earlier.parent.mkdir(parents=True)
    earlier.write_text(manifest := '{"edgeprune": "0.1.0", "files": {}}')
    with pytest.raises(TargetError, match=r"needs glibc 2\.\d+, and 'mine' has 2\.9"):
        build(bundle, target, output=tmp_path / "dist", runners=["onnxruntime"])
    assert earlier.read_text() == manifest
    assert [path.name for path in (tmp_path / "dist").iterdir()] == ["mine"]


def test_a_glibc_that_is_no_version(bundle: Path, tmp_path: Path) -> None:
    target = profile(tmp_path, "{name: mine, kind: local, glibc: new}")
    with pytest.raises(ConfigError, match="glibc"):
        build(bundle, target, output=tmp_path / "dist")


def test_an_operator_that_tvm_lacks(tmp_path: Path) -> None:
    pytest.importorskip("tvm.relax", reason="the extra `tvm` is not installed")
    node = helper.make_node("Det", ["input"], ["output"], "/head/angle/Det")
    ends = [
        helper.make_tensor_value_info("input", TensorProto.FLOAT, [1, 3, 4, 4]),
        helper.make_tensor_value_info("output", TensorProto.FLOAT, [1, 3]),
    ]
    graph = helper.make_graph([node], "net", ends[:1], ends[1:])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    run = write_bundle(tmp_path / "run")
    onnx.save(model, str(run / "model.onnx"))
    with pytest.raises(WorkloadError, match="Det"):
        build(seal(run), "local", output=tmp_path / "dist", runners=["compiled"])


def test_a_folder_of_somebody_elses_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/thesis.tex").write_text("years")
    with (
        pytest.raises(RunError, match="was not built by edgeprune"),
        replaced(tmp_path / "mine", "manifest.json"),
    ):
        pass
    assert (tmp_path / "mine/thesis.tex").read_text() == "years"

"""Weights of an ONNX file in other files: never outside of its folder, and never on a device."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from edgeprune.errors import RunError, VerificationError
from edgeprune.export.formats import device_content
from edgeprune.export.verification import open_onnx
from tests.called import called


def _model(location: str, *, inner: bool = False) -> bytes:
    """Adds four numbers that lie in another file, in a subgraph if asked to."""
    weight = TensorProto(
        name="w", data_type=TensorProto.FLOAT, dims=[4], data_location=TensorProto.EXTERNAL
    )
    for key, value in (("location", location), ("offset", "0"), ("length", "16")):
        entry = weight.external_data.add()
        entry.key, entry.value = key, value
    ends = [helper.make_tensor_value_info(one, TensorProto.FLOAT, [4]) for one in ("x", "y")]
    if inner:
        outs = [helper.make_tensor_value_info("z", TensorProto.FLOAT, [4])]
        branch = helper.make_graph([helper.make_node("Add", ["x", "w"], ["z"])], "b", [], outs)
        branch.initializer.append(weight)
        flag = helper.make_tensor("flag", TensorProto.BOOL, [], [True])
        node = helper.make_node("If", ["flag"], ["y"], then_branch=branch, else_branch=branch)
        graph = helper.make_graph([node], "g", ends[:1], ends[1:], [flag])
    else:
        node = helper.make_node("Add", ["x", "w"], ["y"])
        graph = helper.make_graph([node], "g", ends[:1], ends[1:], [weight])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    return bytes(model.SerializeToString())


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    path = tmp_path / "secret.bin"
    path.write_bytes(np.arange(4, dtype=np.float32).tobytes())
    (tmp_path / "model").mkdir()
    (tmp_path / "model/link.bin").symlink_to(path)
    return path


@pytest.mark.parametrize("way", ["../secret.bin", "absolute", "link.bin", "./../secret.bin"])
@pytest.mark.parametrize("inner", [False, True])
def test_a_file_that_reads_elsewhere_is_not_opened(way: str, inner: bool, secret: Path) -> None:
    path = secret.parent / "model/m.onnx"
    path.write_bytes(_model(str(secret) if way == "absolute" else way, inner=inner))
    with pytest.raises(VerificationError, match="cannot be loaded"):
        open_onnx(path)


def test_a_file_beside_it_is_read(secret: Path) -> None:
    """So that the test above can fail."""
    path = secret.parent / "m.onnx"
    path.write_bytes(_model("secret.bin"))
    found = open_onnx(path).run(None, {"x": np.ones(4, np.float32)})
    assert found[0].tolist() == [1, 2, 3, 4]


@pytest.mark.parametrize("inner", [False, True])
def test_a_device_is_sent_whole_files_alone(inner: bool, secret: Path) -> None:
    path = secret.parent / "m.onnx"
    path.write_bytes(_model("secret.bin", inner=inner))
    with pytest.raises(RunError, match=r"keeps weights in other files \(secret\.bin\)"):
        device_content(path)
    done = called("measure", path, "--target", "simulated")
    assert done.exit_code == 2 and "keeps weights in other files" in done.stderr
    whole = secret.parent / "whole.onnx"
    onnx.save(onnx.load(path), whole)
    if not inner:  # onnx leaves those of subgraphs where they are
        assert device_content(whole) == whole.read_bytes()


def test_what_is_no_onnx_file_is_left_to_its_runtime(tmp_path: Path) -> None:
    (tmp_path / "m.onnx").write_bytes(b"\xff" * 100)
    assert device_content(tmp_path / "m.onnx") == b"\xff" * 100

"""A model file from anywhere runs in a process of its own: nothing it does there reaches ours."""

import os
import signal
import subprocess
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from onnx import TensorProto, helper

from edgeprune.config import load_target
from edgeprune.devices.known_net import small_net
from edgeprune.errors import VerificationError
from edgeprune.export.formats import format_named
from edgeprune.export.isolation import run_apart
from edgeprune.export.verification import onnx_runner
from tests.fuzz.models import endless

LOCAL = load_target("local")
ONNX = format_named("onnx")
IMAGES = np.random.default_rng(0).standard_normal((3, 3, 32, 32)).astype(np.float32)


def _children() -> set[int]:
    listed = subprocess.run(
        ["pgrep", "-P", str(os.getpid()), "-f", "edgeprune.export.isolated"],
        capture_output=True,
        text=True,
        check=False,
    )
    return set(map(int, listed.stdout.split()))


def _greedy() -> bytes:
    """A network that makes 400 GB of zeros."""
    nodes = [
        helper.make_node("ConstantOfShape", ["size"], ["zeros"]),
        helper.make_node("ReduceSum", ["zeros"], ["sum"], keepdims=0),
        helper.make_node("Add", ["input", "sum"], ["output"]),
    ]
    size = helper.make_tensor("size", TensorProto.INT64, [1], [10**11])
    values = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
        for name, shape in (("input", ["n", 3, 32, 32]), ("output", None))
    ]
    graph = helper.make_graph(nodes, "greedy", values[:1], values[1:], [size])
    opset = [helper.make_opsetid("", 17)]
    return bytes(helper.make_model(graph, opset_imports=opset, ir_version=8).SerializeToString())


def test_it_computes_what_this_process_computes_and_is_gone_afterwards(tmp_path: Path) -> None:
    path = tmp_path / "ä model.onnx"
    path.write_bytes(small_net(8))
    with run_apart(ONNX, path, LOCAL, 60) as run:
        found = run(IMAGES)
        assert len(_children()) == 1
        with pytest.raises(VerificationError, match="does not run on images of shape"):
            run(IMAGES[:, :, :8])
    assert np.array_equal(found[0], onnx_runner(path)(IMAGES)[0])
    assert not _children()


@pytest.fixture
def loop(tmp_path: Path) -> Path:
    """A file that never comes to an end."""
    path = tmp_path / "endless.onnx"
    path.write_bytes(endless())
    return path


def test_a_loop_without_end_ends_in_time(loop: Path) -> None:
    with (
        pytest.raises(VerificationError, match="did not finish within 6 s and was ended"),
        run_apart(ONNX, loop, LOCAL, 6) as run,
    ):
        run(IMAGES[:1, :, :8, :8])
    assert not _children()


def test_ctrl_c_ends_it_at_once(loop: Path) -> None:
    with pytest.raises(KeyboardInterrupt), run_apart(ONNX, loop, LOCAL, 60) as run:
        threading.Timer(1, lambda: os.kill(os.getpid(), signal.SIGINT)).start()
        start = time.monotonic()
        run(IMAGES[:1, :, :8, :8])
    assert time.monotonic() - start < 5
    assert not _children()


def test_what_needs_all_memory_gets_none_of_it(tmp_path: Path) -> None:
    path = tmp_path / "greedy.onnx"
    path.write_bytes(_greedy())
    with (
        pytest.raises(VerificationError, match=r"greedy\.onnx .*(memory|alloc)"),
        run_apart(ONNX, path, LOCAL, 60) as run,
    ):
        run(IMAGES)


def test_a_file_that_is_none_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "half.onnx"
    path.write_bytes(small_net(8)[:1000])
    with pytest.raises(VerificationError, match=r"half\.onnx cannot be loaded by onnxruntime"):
        with run_apart(ONNX, path, LOCAL, 60):
            pass

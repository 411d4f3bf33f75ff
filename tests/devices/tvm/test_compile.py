"""Networks compiled by TVM: for this machine, and for ARM64."""

import platform
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest

from edgeprune.config import MeasureConfig, TargetConfig
from edgeprune.config.runtimes import TvmConfig
from edgeprune.devices import open_device
from edgeprune.devices.layer_names import node_name
from edgeprune.devices.remote import RemoteDevice
from edgeprune.devices.tvm import compile_library, compile_tuned, kernel_tasks, target_of
from edgeprune.devices.tvm.layers import tvm_layer_times
from edgeprune.devices.worker import onnx_runtime
from edgeprune.devices.worker.failures import BuildFailed
from edgeprune.devices.worker.timing import time_pairs
from edgeprune.devices.worker.tvm_runtime import Runtime, machine_of, unpack
from edgeprune.errors import MeasurementError, TargetError
from edgeprune.testing.devices import small_net

pytest.importorskip("tvm.relax", reason="the extra `tvm` is not installed")

HERE = {"kind": "llvm", "num-cores": 1}
ARM64 = {"kind": "llvm", "mtriple": "aarch64-linux-gnu", "mcpu": "cortex-a72", "num-cores": 1}
OTHER = HERE if platform.machine() == "aarch64" else ARM64
NET = small_net(8, size=8)


@pytest.fixture(scope="module")
def runtime() -> Runtime:
    return Runtime({"threads": 1})


def test_it_computes_what_onnx_runtime_computes(runtime: Runtime) -> None:
    (found,) = runtime.outputs(compile_library(NET, HERE))
    (wanted,) = onnx_runtime.Runtime({"threads": 1}).outputs(NET)
    assert found.shape == wanted.shape and found.dtype == wanted.dtype
    assert np.abs(found - wanted).max() <= 1e-4 * np.abs(wanted).max()


def test_equal_files_are_compiled_once() -> None:
    first = compile_library(NET, HERE)
    assert compile_library(bytes(bytearray(NET)), dict(HERE)) is first
    assert compile_library(NET, {**HERE, "num-cores": 2}) is not first
    assert compile_library(small_net(8, size=8, seed=1), HERE) != first


def test_the_file_says_what_it_takes() -> None:
    header, library = unpack(compile_library(NET, HERE))
    assert header["inputs"] == [{"name": "input", "shape": [1, 3, 8, 8], "dtype": "<f4"}]
    assert header["machine"] == machine_of(library) == platform.machine()
    # Of 6 functions: two are one loop nest with other things fused behind it.
    assert header["kernels"] == len(header["untuned"]) == 5


def test_a_library_for_arm64_is_one_and_is_refused_here(runtime: Runtime) -> None:
    artifact = compile_library(NET, ARM64)
    assert machine_of(unpack(artifact)[1]) == "aarch64"
    if platform.machine() != "aarch64":
        with pytest.raises(BuildFailed, match=r"library is for aarch64, this device is x86_64"):
            runtime.build(artifact)


def test_a_compiler_for_another_machine_is_named(tmp_path: Path) -> None:
    with pytest.raises(TargetError, match=r"'gcc' cannot link .*tvm\.cross_compiler"):
        compile_library(NET, OTHER, cross_compiler="gcc")
    # One that takes anything, and makes a library for the machine it pleases.
    stubborn = tmp_path / "stubborn-gcc"
    code = "import shutil, sys; shutil.copy(sys.executable, sys.argv[sys.argv.index('-o') + 1])"
    stubborn.write_text(f"#!{sys.executable}\n{code}\n")
    stubborn.chmod(0o700)
    with pytest.raises(TargetError, match=r"library is for \w+, and its target .* wrong compiler"):
        compile_library(NET, OTHER, cross_compiler=str(stubborn))


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ({"kind": "cuda"}, r"kind is 'cuda'; allowed: llvm"),
        ({"kind": "llvm", "nonsense": 1}, r"Unknown config option 'nonsense'"),
        ({"kind": "llvm", "mtriple": "riscv64-linux-gnu"}, r"apt install gcc-riscv64-linux-gnu"),
    ],
)
def test_targets_that_cannot_be(target: dict[str, object], message: str) -> None:
    with pytest.raises(TargetError, match=message):
        compile_library(NET, target)


@pytest.mark.parametrize("broken", [b"", b"no ONNX file", NET[:1000]])
def test_a_file_that_cannot_be_read(broken: bytes) -> None:
    with pytest.raises(MeasurementError, match="TVM cannot read the model"):
        compile_library(broken, HERE)


@pytest.mark.parametrize("cut", [0, 100, 5000])
def test_a_damaged_library_is_an_error(runtime: Runtime, cut: int) -> None:
    with pytest.raises(BuildFailed, match="not a TVM library made by edgeprune"):
        runtime.build(compile_library(NET, HERE)[:cut])


def test_layers_are_timed_inside_the_network(runtime: Runtime) -> None:
    library = compile_library(NET, HERE)
    layers = tvm_layer_times(NET, runtime.profile(library, 20, ""))
    by_name = {one.name: one for one in layers}
    for node in onnx.load_model_from_string(NET).graph.node:
        if node.op_type in ("Conv", "Gemm"):
            assert by_name[node_name(node)].op == node.op_type
    assert len(by_name) == len(layers) and all(one.ms > 0 for one in layers)
    runs = time_pairs(runtime.build(library), runtime.build(library), 30, 60)
    whole_ms = min(runs["candidate"]) / 1e6
    assert 0.3 * whole_ms < sum(one.ms for one in layers) < 3 * whole_ms


def test_kernels_that_fit_no_layer_keep_their_names() -> None:
    told = [("pad", "1,3,8,8 1,8,8,8", [5.0]), ("odd", "1,,3 x", [1.0]), ("none", "", [2.0])]
    assert [(one.name, one.ms) for one in tvm_layer_times(NET, told)] == [
        ("pad", 0.005),
        ("odd", 0.001),
        ("none", 0.002),
    ]
    with pytest.raises(MeasurementError, match="not an ONNX file"):
        tvm_layer_times(b"no file", told)


def test_untuned_kernels_are_refused_or_marked(tmp_path: Path) -> None:
    with pytest.raises(TargetError, match=r"untuned kernels: \w+.* \(5 of 5\).*allow_untuned"):
        compile_tuned(NET, HERE, tmp_path)
    artifact, report = compile_tuned(NET, HERE, tmp_path, allow_untuned=True)
    assert (report.kernels, report.tuned, len(report.untuned)) == (5, 0, 5)
    assert unpack(artifact)[0]["untuned"] == list(report.untuned)


def test_kernels_are_listed_once_for_each_shape() -> None:
    first = kernel_tasks(NET, HERE)
    assert {one.workload for one in first} == {
        one.workload for one in kernel_tasks(small_net(8, size=8, seed=5), HERE)
    }
    wider = {one.workload for one in kernel_tasks(small_net(16, size=8), HERE)}
    assert not wider.intersection(one.workload for one in first if "conv" in one.name)


def test_a_profile_without_a_tvm_target_gets_one_from_its_processor() -> None:
    board = TargetConfig(name="b", kind="local", architecture="aarch64", cpu="cortex-a72")
    assert target_of(board) == {
        "kind": "llvm",
        "mtriple": "aarch64-linux-gnu",
        "mcpu": "cortex-a72",
        "num-cores": 1,
    }
    here = target_of(TargetConfig(name="here", kind="local", threads=2))
    assert here["num-cores"] == 2 and here["mcpu"]
    chosen = TargetConfig(name="c", kind="local", tvm=TvmConfig(target={"kind": "llvm"}))
    assert target_of(chosen) == {"kind": "llvm"}


def test_a_worker_times_it() -> None:
    target = TargetConfig(
        name="here",
        kind="local",
        runtime="tvm",
        tvm=TvmConfig(allow_untuned=True),
        measure=MeasureConfig(warmup=1, runs=10, timeout_s=60),
    )
    with open_device(target) as device:
        assert isinstance(device, RemoteDevice)
        comparison = device.compare(NET, NET)
        assert 0 < comparison.candidate.median_ms < float("inf")
        assert comparison.candidate.conditions["runtime"] == "tvm"


@pytest.mark.parametrize("tuned", [False, True])
def test_it_tells_the_memory_that_is_planned(runtime: Runtime, tmp_path: Path, tuned: bool) -> None:
    database = tmp_path / "records" if tuned else None
    found = runtime.memory(compile_library(NET, HERE, database=database), "")
    assert found >= 4 * 2 * 8 * 8 * 8  # a convolution's input and output lie beside one another
    wider = runtime.memory(compile_library(small_net(16, size=8), HERE, database=database), "")
    assert 1.5 * found < wider < 2.5 * found

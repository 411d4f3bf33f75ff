"""Tuning with very few trials, on this machine and through a tracker on loopback."""

import platform
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import onnx.numpy_helper
import pytest

from edgeprune.config.runtimes import TvmConfig, TvmRpcConfig
from edgeprune.devices.tvm import (
    RemoteLibrary,
    compile_library,
    compile_tuned,
    database,
    kernel_tasks,
    loopback,
    new_kernels,
    tune,
)
from edgeprune.devices.worker import onnx_runtime
from edgeprune.devices.worker.tvm_runtime import Runtime
from edgeprune.errors import MeasurementError, TargetError
from edgeprune.testing.devices import small_net

pytest.importorskip("tvm.relax", reason="the extra `tvm` is not installed")

HERE = {"kind": "llvm", "num-cores": 1}
NET = small_net(8, size=8)
FEW = TvmConfig(trials_per_kernel=2, strategy="replay-trace", cost_model="random")


@pytest.fixture(scope="module")
def tuned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with the kernels of `NET`, of which the first was tuned before an interrupt."""
    folder = tmp_path_factory.mktemp("tuned")

    def interrupt(done: int, kernels: int, name: str) -> None:
        if done == 1:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        tune(NET, HERE, folder, FEW, progress=interrupt)
    assert len(new_kernels(NET, HERE, folder, FEW)) == 4
    seen: list[tuple[int, int, str]] = []
    report = tune(NET, HERE, folder, FEW, progress=lambda *told: seen.append(told))
    assert (report.kernels, len(report.tuned), len(report.reused)) == (5, 4, 1)
    assert [done for done, _, _ in seen] == list(range(6))
    return folder


@pytest.fixture
def copied(tuned: Path, tmp_path: Path) -> Path:
    return shutil.copytree(tuned, tmp_path / "copied")


def _agrees(found: np.ndarray, model: bytes) -> bool:
    (wanted,) = onnx_runtime.Runtime({"threads": 1}).outputs(model)
    return bool(np.abs(found - wanted).max() <= 1e-4 * np.abs(wanted).max())


def _with_fewer_classes(model: bytes) -> bytes:
    """The same network with 7 classes."""
    net = onnx.load_model_from_string(model)
    for tensor in net.graph.initializer:
        if tensor.name.startswith("linear"):
            fewer = onnx.numpy_helper.to_array(tensor)[:7].copy()
            tensor.CopyFrom(onnx.numpy_helper.from_array(fewer, tensor.name))
    net.graph.output[0].type.tensor_type.shape.dim[1].dim_value = 7
    return bytes(net.SerializeToString())


@pytest.mark.slow
def test_a_tuned_network_is_another_library_and_computes_the_same(tuned: Path) -> None:
    artifact, report = compile_tuned(NET, HERE, tuned)
    assert report.to_json() == {"kernels": 5, "tuned": 5, "untuned": []}
    assert artifact != compile_library(NET, HERE)
    (found,) = Runtime({"threads": 1}).outputs(artifact)
    assert _agrees(found, NET)


@pytest.mark.slow
def test_equal_kernels_of_another_network_are_not_tuned_again(tuned: Path) -> None:
    other_weights = small_net(8, size=8, seed=7)
    assert new_kernels(other_weights, HERE, tuned, FEW) == []
    assert compile_tuned(other_weights, HERE, tuned)[1].untuned == ()
    assert len(new_kernels(NET, HERE, tuned, FEW.model_copy(update={"trials_per_kernel": 3}))) == 5


@pytest.mark.slow
def test_a_database_is_read_again_only_where_another_process_wrote(
    copied: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = []
    plain = database.TuningDatabase.__init__

    def counted(self: database.TuningDatabase, folder: Path, target: object) -> None:
        read.append(folder)
        plain(self, folder, target)

    monkeypatch.setattr(database.TuningDatabase, "__init__", counted)
    tune(NET, HERE, copied, FEW)
    compile_tuned(NET, HERE, copied)
    assert new_kernels(NET, HERE, copied, FEW) == [] and len(read) == 1
    other = copied.with_suffix(".onnx")
    other.write_bytes(_with_fewer_classes(NET))
    code = (
        "import sys; from pathlib import Path; from edgeprune.config.runtimes import TvmConfig; "
        "from edgeprune.devices.tvm import tune; "
        f"tune(Path({str(other)!r}).read_bytes(), {HERE}, Path({str(copied)!r}), "
        f"TvmConfig(**{FEW.model_dump(exclude_defaults=True)}))"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
    assert new_kernels(_with_fewer_classes(NET), HERE, copied, FEW) == [] and len(read) == 2


@pytest.mark.slow
def test_a_network_that_shares_kernels_tunes_the_others_only(copied: Path) -> None:
    related = _with_fewer_classes(NET)
    shared = {one.workload for one in kernel_tasks(NET, HERE)}
    new = [one.name for one in kernel_tasks(related, HERE) if one.workload not in shared]
    assert len(new) == 1
    with pytest.raises(TargetError, match=rf"untuned kernels: {new[0]} \(1 of 5\)"):
        compile_tuned(related, HERE, copied)
    report = tune(related, HERE, copied, FEW)
    assert (list(report.tuned), len(report.reused)) == (new, 4)
    assert compile_tuned(related, HERE, copied)[1].untuned == ()


@pytest.mark.slow
def test_a_line_torn_by_a_kill_is_dropped(copied: Path) -> None:
    records = copied / "database_tuning_record.json"
    with records.open("a") as file:
        file.write('[0, [[[], [["Sample')
    assert new_kernels(NET, HERE, copied, FEW) == []
    assert records.read_bytes().endswith(b"]\n")


@pytest.mark.slow
def test_a_database_serves_one_target(copied: Path) -> None:
    with pytest.raises(TargetError, match=r"was made for .* give another folder"):
        compile_tuned(NET, {**HERE, "num-cores": 2}, copied)
    (copied / "database_tuning_record.json").write_text("nonsense\n")
    with pytest.raises(TargetError, match="cannot be read"):
        compile_tuned(small_net(8, size=8, seed=9), HERE, copied)


@pytest.mark.slow
def test_kernels_whose_trials_all_fail_are_named_with_the_reason(
    copied: Path, tmp_path: Path
) -> None:
    broken = tmp_path / "broken-gcc"
    broken.write_text("#!/bin/sh\necho no such thing >&2; exit 3\n")
    broken.chmod(0o700)
    config = FEW.model_copy(update={"cross_compiler": str(broken)})
    related = _with_fewer_classes(NET)
    with pytest.raises(TargetError, match=r"\(1 of 5\); the last .*broken-gcc.* no such thing"):
        tune(related, HERE, copied, config)
    allowed = config.model_copy(update={"allow_untuned": True})
    assert len(tune(related, HERE, copied, allowed).untuned) == 1
    # Not noted as done: with a compiler that works it is tried again.
    assert len(new_kernels(related, HERE, copied, FEW)) == 1


@pytest.mark.slow
def test_a_program_without_a_main_guard_can_tune(tmp_path: Path) -> None:
    (tmp_path / "net.onnx").write_bytes(NET)
    program = tmp_path / "program.py"
    program.write_text(
        "from pathlib import Path\n"
        "from edgeprune.config.runtimes import TvmConfig\n"
        "from edgeprune.devices.tvm import tune\n"
        "few = TvmConfig(trials_per_kernel=1, strategy='replay-trace', cost_model='random')\n"
        f"report = tune(Path('net.onnx').read_bytes(), {HERE}, Path('database'), few)\n"
        "print(len(report.tuned), 'tuned')\n"
    )
    done = subprocess.run(
        [sys.executable, str(program)], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.stdout == "5 tuned\n", done.stderr


@pytest.mark.slow
def test_tuning_through_a_tracker(tmp_path: Path) -> None:
    with loopback("board") as rpc:
        config = FEW.model_copy(update={"trials_per_kernel": 1, "rpc": rpc})
        assert len(tune(NET, HERE, tmp_path, config).tuned) == 5
        with RemoteLibrary(compile_tuned(NET, HERE, tmp_path)[0], rpc) as library:
            assert _agrees(library.outputs()[0], NET)


def test_a_library_is_timed_over_rpc() -> None:
    with loopback("board") as rpc:
        with RemoteLibrary(compile_library(NET, HERE), rpc) as library:
            assert _agrees(library.outputs()[0], NET)
            samples = library.samples_ms(5)
            assert len(samples) == 5 and all(value > 0 for value in samples)
        # The device has been given back: it can be lent again.
        if platform.machine() == "x86_64":
            arm64 = compile_library(NET, {"kind": "llvm", "mtriple": "aarch64-linux-gnu"})
            with pytest.raises(MeasurementError, match=r"'board' cannot load the library"):
                RemoteLibrary(arm64, rpc)
        unknown = rpc.model_copy(update={"key": "toaster"})
        with pytest.raises(TargetError, match=r"'toaster'.* registered: board"):
            RemoteLibrary(compile_library(NET, HERE), unknown)


def test_a_tracker_that_is_not_there_is_named_at_once(tmp_path: Path) -> None:
    nobody = TvmRpcConfig(host="127.0.0.1", port=1, key="board")
    with pytest.raises(TargetError, match=r"no TVM tracker answers at 127\.0\.0\.1:1 .*start it"):
        tune(NET, HERE, tmp_path, FEW.model_copy(update={"rpc": nobody}))


@pytest.mark.skipif(platform.machine() != "x86_64", reason="ARM64 is this machine")
def test_kernels_for_another_machine_need_a_tracker(tmp_path: Path) -> None:
    with pytest.raises(TargetError, match=r"aarch64-linux-gnu cannot be tried .*tvm\.rpc"):
        tune(NET, {"kind": "llvm", "mtriple": "aarch64-linux-gnu"}, tmp_path, FEW)

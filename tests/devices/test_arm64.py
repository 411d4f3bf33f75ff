"""The same files on this machine's processor and on an ARM64 one: the same outputs."""

from pathlib import Path

import numpy as np
import pytest

from edgeprune.boards import RECIPE_TVM, emulated
from edgeprune.config import MeasureConfig, TargetConfig
from edgeprune.config.reach import CommandConfig
from edgeprune.config.runtimes import TvmConfig
from edgeprune.devices import open_device
from edgeprune.devices.known_net import small_net
from edgeprune.devices.known_tflite import small_tflite_net
from edgeprune.devices.remote import RemoteDevice
from edgeprune.errors import MeasurementError
from tests.boards.fixtures import emulated_python  # noqa: F401


def _outputs(target: TargetConfig, model: bytes) -> np.ndarray:
    with open_device(target) as device:
        assert isinstance(device, RemoteDevice)
        (found,) = device.outputs(model)
        return found


def _arm64(python: Path, runtime: str) -> TargetConfig:
    return TargetConfig(
        name="arm64",
        kind="command",
        command=CommandConfig(python=(str(python),)),
        architecture="aarch64",
        runtime=runtime,
        measure=MeasureConfig(warmup=1, runs=10, timeout_s=120),
    )


@pytest.mark.parametrize("runtime", ["onnxruntime", "tflite"])
def test_outputs_are_the_same_on_both_processors(
    runtime: str,
    emulated_python: Path,  # noqa: F811
) -> None:
    model = small_net(24) if runtime == "onnxruntime" else small_tflite_net(24)
    here = _outputs(TargetConfig(name="here", kind="local", runtime=runtime), model)
    there = _outputs(_arm64(emulated_python, runtime), model)
    assert np.abs(here - there).max() <= 1e-4 * np.abs(here).max()


def test_emulated_times_are_labelled_and_errors_pass_through(emulated_python: Path) -> None:  # noqa: F811
    with open_device(_arm64(emulated_python, "onnxruntime")) as device:
        comparison = device.compare(small_net(8), small_net(32))
        assert comparison.ratio < 1
        conditions = comparison.candidate.conditions
        assert (conditions["clock"], conditions["machine"]) == ("emulated", "aarch64")
        with pytest.raises(MeasurementError, match="cannot load the model"):
            device.compare(b"nothing", small_net(8))


@pytest.mark.slow
def test_a_tvm_library_computes_the_same_on_arm64() -> None:
    pytest.importorskip("tvm.relax", reason="the extra `tvm` is not installed")
    python = emulated.make(RECIPE_TVM)
    here = _outputs(TargetConfig(name="here", kind="local"), small_net(8))
    target = TargetConfig(
        name="arm64",
        kind="command",
        command=CommandConfig(python=(str(python),)),
        architecture="aarch64",
        cpu="cortex-a72",
        runtime="tvm",
        tvm=TvmConfig(allow_untuned=True),
    )
    there = _outputs(target, small_net(8))
    assert np.abs(here - there).max() <= 1e-4 * np.abs(here).max()
    for_this_machine = TvmConfig(target={"kind": "llvm"}, allow_untuned=True)
    with pytest.raises(MeasurementError, match=r"library is for x86_64, this device is aarch64"):
        _outputs(target.model_copy(update={"tvm": for_this_machine}), small_net(8))

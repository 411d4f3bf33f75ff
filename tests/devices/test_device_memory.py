"""Memory of activations, as the runtimes tell it."""

import pytest

from edgeprune.config import TargetConfig
from edgeprune.devices import open_device
from edgeprune.devices.known_net import small_net
from edgeprune.devices.known_tflite import small_tflite_net
from edgeprune.devices.meters import Meter, meter_of
from edgeprune.errors import MeasurementError, TargetError
from tests.devices.targets import local, simulated


def _tflite(xnnpack: bool) -> TargetConfig:
    target = local().model_copy(update={"runtime": "tflite"})
    return target.model_copy(
        update={"tflite": target.tflite.model_copy(update={"xnnpack": xnnpack})}
    )


def test_tflites_arena_holds_what_its_kernels_need() -> None:
    pytest.importorskip("ai_edge_litert")
    with open_device(_tflite(False)) as device:
        assert isinstance(device, Meter)
        found = device.peak_memory(small_tflite_net(16))
    # Input, both sides of the second convolution, and its rows of 3 x 3 x 16 at 8 x 8.
    assert found == 4 * (32 * 32 * 3 + 16 * 16 * 16 + 8 * 8 * 16 + 8 * 8 * 9 * 16)


def test_a_delegates_memory_is_told_by_nobody() -> None:
    pytest.importorskip("ai_edge_litert")
    with open_device(_tflite(True)) as device:
        assert isinstance(device, Meter)
        with pytest.raises(TargetError, match=r"allowed: tflite\.xnnpack false"):
            device.peak_memory(small_tflite_net(16))


def test_onnx_runtime_tells_more_for_more_channels() -> None:
    with open_device(local()) as device:
        assert isinstance(device, Meter)
        assert device.peak_memory(small_net(32)) < device.peak_memory(small_net(64))
        with pytest.raises(MeasurementError):
            device.peak_memory(b"no network")


def test_a_cost_model_tells_latency_alone() -> None:
    target = simulated()
    with open_device(target) as device, pytest.raises(TargetError, match="tells latency alone"):
        meter_of(device, target)

"""TensorFlow Lite in a worker of this machine."""

from collections.abc import Iterator

import numpy as np
import pytest

from edgeprune.config import MeasureConfig, TargetConfig
from edgeprune.config.runtimes import TfliteConfig
from edgeprune.devices import open_device
from edgeprune.devices.known_tflite import small_tflite_net
from edgeprune.devices.remote import RemoteDevice
from edgeprune.devices.tflite_file import dump_tflite, load_tflite
from edgeprune.errors import MeasurementError, TargetError

pytest.importorskip("ai_edge_litert", reason="the extra `tflite` is not installed")


def tflite(**settings: object) -> TargetConfig:
    return TargetConfig(
        name="here",
        kind="local",
        runtime="tflite",
        tflite=TfliteConfig(**settings),
        measure=MeasureConfig(warmup=2, runs=30, timeout_s=60),
    )


@pytest.fixture(scope="module")
def device() -> Iterator[RemoteDevice]:
    with open_device(tflite()) as opened:
        assert isinstance(opened, RemoteDevice)
        yield opened


def test_a_quarter_of_the_channels_takes_less_time(device: RemoteDevice) -> None:
    comparison = device.compare(small_tflite_net(16), small_tflite_net(64))
    assert 0 < comparison.ratio < 1
    assert comparison.candidate.conditions["runtime"] == "tflite"
    assert comparison.candidate.conditions["library"] == "ai-edge-litert"


def test_both_kinds_of_kernels_compute_the_same(device: RemoteDevice) -> None:
    model = small_tflite_net(24)
    (fast,) = device.outputs(model)
    assert fast.shape == (1, 10) and np.isfinite(fast).all()
    with open_device(tflite(xnnpack=False)) as plain:
        assert isinstance(plain, RemoteDevice)
        (slow,) = plain.outputs(model)
        assert plain.conditions()["xnnpack"] is False
    assert np.abs(fast - slow).max() <= 1e-4 * np.abs(slow).max()


@pytest.mark.parametrize("broken", [b"", b"no TFLite file", small_tflite_net(8)[:300]])
def test_a_broken_file_is_an_error_and_the_device_lives_on(
    device: RemoteDevice, broken: bytes
) -> None:
    with pytest.raises(MeasurementError):
        device.compare(broken, small_tflite_net(8))
    assert device.compare(small_tflite_net(8), small_tflite_net(16)).ratio > 0


def test_a_delegate_that_is_not_there() -> None:
    with pytest.raises(TargetError, match=r"delegate libnone\.so cannot be loaded"):
        open_device(tflite(delegates=["libnone.so"]))


def test_the_times_of_the_layers_add_up_to_that_of_the_network(device: RemoteDevice) -> None:
    model = small_tflite_net(64, size=64)
    layers = device.profile(model)
    assert [layer.op for layer in layers] == ["CONV_2D"] * 3 + ["MEAN", "FULLY_CONNECTED"]
    assert [layer.name for layer in layers] == ["conv0", "conv1", "conv2", "pooled", "output"]
    whole = device.compare(model, model).candidate.level_ms
    assert sum(layer.ms for layer in layers) == pytest.approx(whole, rel=0.25)


def test_a_broken_file_has_no_layers(device: RemoteDevice) -> None:
    with pytest.raises(MeasurementError, match="not a whole TFLite file"):
        device.profile(small_tflite_net(8)[:300])
    with pytest.raises(MeasurementError, match="not a TFLite file"):
        device.profile(b"no TFLite file")


def test_a_file_that_is_newer_than_the_runtime(device: RemoteDevice) -> None:
    model = load_tflite(small_tflite_net(8))
    model.operatorCodes[0].version = 99
    with pytest.raises(MeasurementError) as caught:
        device.compare(dump_tflite(model), small_tflite_net(8))
    assert "ai-edge-litert 2." in str(caught.value)
    assert "is too old for the file: it has no CONV_2D of version 99; install" in str(caught.value)

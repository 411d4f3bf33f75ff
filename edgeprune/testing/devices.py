"""Conformance kit for devices, and small ONNX nets to time.

Hold your own kind of target to the contract that the rest of edgeprune relies on::

    import pytest
    from edgeprune.testing.devices import DeviceConformance
    from my_project.board import BoardDevice


    class TestBoard(DeviceConformance):
        @pytest.fixture
        def device(self):
            with BoardDevice("10.0.0.7") as device:
                yield device
"""

import json
import math

import pytest

from edgeprune.devices import Device
from edgeprune.devices.known_net import SMALL_NET_LAYERS, small_net
from edgeprune.errors import MeasurementError

__all__ = ["SMALL_NET_LAYERS", "DeviceConformance", "small_net"]


class DeviceConformance:
    """The contract of a `Device`; inherit and give the fixture `device`, open.

    Attributes:
        profiles: whether its runtime tells the time of single layers.
    """

    profiles = True

    @pytest.fixture
    def device(self) -> Device:
        """The device to be held to the contract."""
        raise NotImplementedError

    def test_a_quarter_of_the_channels_takes_less_time(self, device: Device) -> None:
        """The ratio is the candidate's to the baseline's, and within its interval."""
        comparison = device.compare(small_net(16), small_net(64))
        low, high = comparison.ratio_interval
        assert 0 < low <= comparison.ratio <= high
        assert comparison.ratio < 1
        assert device.compare(small_net(64), small_net(16)).ratio > 1

    def test_samples_are_real_and_paired(self, device: Device) -> None:
        """Every sample is a positive time, and both models have as many."""
        comparison = device.compare(small_net(16), small_net(32))
        for side in (comparison.candidate, comparison.baseline):
            assert len(side.samples_ms) >= 10
            assert all(math.isfinite(value) and value > 0 for value in side.samples_ms)
            low, high = side.interval_ms
            assert low <= side.median_ms <= high
            assert math.isfinite(side.build_ms) and side.build_ms >= 0
        assert len(comparison.candidate.samples_ms) == len(comparison.baseline.samples_ms)

    def test_everything_can_be_written_as_json(self, device: Device) -> None:
        """A run's manifest holds it all."""
        written = json.dumps(device.compare(small_net(8), small_net(16)).to_json(), allow_nan=False)
        assert set(json.loads(written)) == {"ratio", "ratio_interval", "candidate", "baseline"}
        json.dumps(device.conditions(), allow_nan=False)

    def test_conditions_say_what_it_is(self, device: Device) -> None:
        """What a report needs to name the device."""
        conditions = device.conditions()
        wanted = {"kind", "runtime", "version", "cpu", "threads", "clock"}
        assert wanted <= set(conditions)
        assert all(conditions[key] for key in wanted)

    def test_profile_names_the_layers_of_the_file(self, device: Device) -> None:
        """Fused or not: each convolution and linear layer appears once, by its own name."""
        layers = device.profile(small_net(32))
        if not self.profiles:
            assert layers == []
            return
        names = [layer.name for layer in layers]
        assert [name for name in names if name in SMALL_NET_LAYERS] == list(SMALL_NET_LAYERS)
        assert len(set(names)) == len(names)
        assert all(math.isfinite(layer.ms) and layer.ms >= 0 for layer in layers)
        assert {layer.op for layer in layers if layer.name in SMALL_NET_LAYERS} == {"Conv", "Gemm"}

    def test_a_broken_file_is_an_error_and_the_device_lives_on(self, device: Device) -> None:
        """Never a number, and nothing has to be reopened."""
        for broken in (b"", b"not an ONNX file", small_net(16)[:1000]):
            with pytest.raises(MeasurementError):
                device.compare(broken, small_net(16))
            with pytest.raises(MeasurementError):
                device.profile(broken)
        assert device.compare(small_net(8), small_net(16)).ratio > 0

    def test_closes_twice(self, device: Device) -> None:
        """`close` after `close` does nothing."""
        device.close()
        device.close()

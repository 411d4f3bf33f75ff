"""The package held to edgeprune's contracts."""

import pytest
from edgeprune_halving.zipped import ZippedFormat

from edgeprune.config import TargetConfig
from edgeprune.devices import open_device
from edgeprune.testing.devices import DeviceConformance
from edgeprune.testing.formats import FormatConformance


class TestFormat(FormatConformance):
    name = "model.onnxz"

    @pytest.fixture(scope="class")
    def form(self):
        return ZippedFormat()


class TestRuntime(DeviceConformance):
    profiles = False

    @pytest.fixture
    def device(self):
        profile = TargetConfig(name="zipped", kind="local", runtime="zipped")
        with open_device(profile) as device:
            yield device

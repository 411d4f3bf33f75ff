import pytest

from edgeprune.config import load_target
from edgeprune.devices import open_device
from edgeprune.testing.devices import small_net


@pytest.mark.parametrize("name", ["local", "simulated"])
def test_shipped_targets_measure(name: str):
    with open_device(load_target(name)) as device:
        assert device.compare(small_net(16), small_net(64)).ratio < 1
        assert device.conditions()["kind"] == name

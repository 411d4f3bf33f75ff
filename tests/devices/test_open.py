import pytest

from edgeprune.config import TargetConfig, load_target
from edgeprune.devices import open_device
from edgeprune.errors import TargetError
from edgeprune.testing.devices import small_net


@pytest.mark.parametrize("name", ["local", "simulated"])
def test_shipped_targets_measure(name: str):
    with open_device(load_target(name)) as device:
        assert device.compare(small_net(16), small_net(64)).ratio < 1
        assert device.conditions()["kind"] == name


def test_an_unknown_kind_names_the_nearest():
    target = TargetConfig.model_construct(name="board", kind="locl")
    with pytest.raises(TargetError, match=r"'board'.*'locl'.*did you mean 'local'"):
        open_device(target)


def test_an_unknown_runtime_names_the_nearest():
    target = TargetConfig.model_construct(name="board", kind="local", runtime="onnxruntim")
    with pytest.raises(TargetError, match=r"'onnxruntim'.*did you mean 'onnxruntime'"):
        open_device(target)

import pytest

from edgeprune.config import PruneConfig, TargetConfig
from edgeprune.config.multiples import ChannelMultiples


def test_one_number_stands_for_all_kinds() -> None:
    target = TargetConfig.model_validate({"name": "board", "kind": "local", "channel_multiple": 8})
    assert target.channel_multiple == ChannelMultiples(conv=8, depthwise=8, grouped=8, linear=8)


def test_kinds_that_are_not_named_are_free() -> None:
    found = PruneConfig.model_validate({"channel_multiple": {"conv": 16}}).channel_multiple
    assert found == ChannelMultiples(conv=16, depthwise=1, grouped=1, linear=1)


@pytest.mark.parametrize("value", [0, -8, 2.5, True, "8", [8]])
def test_a_multiple_is_a_count(value: object) -> None:
    with pytest.raises(ValueError, match="must be a whole number at least 1, or a section"):
        PruneConfig.model_validate({"channel_multiple": value})

import numpy as np
import pytest
import torch
from torch import nn

from edgeprune.errors import SpaceError
from edgeprune.pruning import ChannelSpace
from tests.pruning.nets import IMAGE, build, conv


@pytest.fixture(scope="module")
def space() -> ChannelSpace:
    return ChannelSpace.from_model(
        build("residual"), torch.randn(IMAGE), blocks=False, min_keep=0.3
    )


def test_choices_reach_from_min_keep_to_full(space: ChannelSpace) -> None:
    # ceil(0.3 * 12) = 4, 0.3 * 20 = 6 and 0.3 * 10 = 3, though not quite in floating point.
    assert space.choices["stem.0"] == tuple(range(4, 13))
    assert space.choices["inner.0"] == tuple(range(6, 21))
    assert space.choices["narrow.0"] == tuple(range(3, 11))


def test_choices_are_multiples_and_the_full_width() -> None:
    space = ChannelSpace.from_model(build("residual"), torch.randn(IMAGE), blocks=False, multiple=8)
    assert space.choices == {"stem.0": (8, 12), "inner.0": (8, 16, 20), "narrow.0": (8, 10)}


def test_choices_respect_multiple_and_unit_together() -> None:
    space = ChannelSpace.from_model(build("grouped"), torch.randn(IMAGE), multiple=6)
    assert space.choices == {"reduce.0": (12, 24)}


def test_groups_narrower_than_the_multiple_are_fixed() -> None:
    space = ChannelSpace.from_model(
        build("residual"), torch.randn(IMAGE), blocks=False, multiple=16
    )
    assert space.choices == {"inner.0": (16, 20)}
    reasons = {group.name: group.fixed for group in space.groups}
    assert reasons["narrow.0"] == "no width below 10 is an allowed multiple of 16"


def test_check_completes_widths(space: ChannelSpace) -> None:
    assert space.check_widths({}) == space.full == {"stem.0": 12, "inner.0": 20, "narrow.0": 10}
    assert space.check_widths({"inner.0": np.int64(7)}) == {**space.full, "inner.0": 7}


@pytest.mark.parametrize("width", [0, 3, 13, -1, 4.0, 4.5, float("nan"), True, None, "8"])
def test_widths_that_are_no_choice_are_named(space: ChannelSpace, width: object) -> None:
    with pytest.raises(SpaceError, match=r"of group 'stem\.0' .*allowed: 4 to 12 in steps of 1"):
        space.check_widths({"stem.0": width})


def test_unknown_groups_are_named_with_the_nearest(space: ChannelSpace) -> None:
    for call in (space.check_widths, space.snap, space.macs, space.params, space.layer_costs):
        with pytest.raises(SpaceError, match=r"'steem.0' is no channel group.*mean 'stem.0'"):
            call({"steem.0": 4})
    with pytest.raises(SpaceError, match="'head' is no channel group that may be cut"):
        space.check_widths({"head": 5})


@pytest.mark.parametrize("width", [0, -2, 13, float("nan")])
def test_costs_of_impossible_widths_are_refused(space: ChannelSpace, width: float) -> None:
    with pytest.raises(SpaceError, match=r"of group 'stem\.0'"):
        space.macs({**space.full, "stem.0": width})


def test_snap_takes_the_nearest_choice() -> None:
    space = ChannelSpace.from_model(build("residual"), torch.randn(IMAGE), blocks=False, multiple=4)
    assert space.choices["inner.0"] == (4, 8, 12, 16, 20)
    snapped = {
        asked: space.snap({"inner.0": asked})["inner.0"] for asked in (-5, 9.9, 10, 10.1, 99)
    }
    assert snapped == {-5: 4, 9.9: 8, 10: 8, 10.1: 12, 99: 20}
    for asked in (float("nan"), float("inf"), None):
        with pytest.raises(SpaceError, match=r"of group 'inner\.0'"):
            space.snap({"inner.0": asked})


def test_scaled_keeps_one_share_of_all_groups(space: ChannelSpace) -> None:
    assert space.scaled(0.5) == {"stem.0": 6, "inner.0": 10, "narrow.0": 5}
    assert space.scaled(1) == space.full
    assert space.scaled(0.01) == {"stem.0": 4, "inner.0": 6, "narrow.0": 3}


@pytest.mark.parametrize("ratio", [0, -0.2, 1.5, float("nan"), float("inf"), "0.5"])
def test_ratios_outside_are_refused(space: ChannelSpace, ratio: float) -> None:
    with pytest.raises(SpaceError, match=r"ratio .* allowed: a number above 0 and at most 1"):
        space.scaled(ratio)


def test_every_kind_of_layer_has_its_own_multiple() -> None:
    model = nn.Sequential(
        conv(3, 24), conv(24, 24, groups=24), conv(24, 30), nn.Flatten(), nn.Linear(30 * 256, 10)
    ).eval()

    def choices(multiple: object) -> dict[str, tuple[int, ...]]:
        space = ChannelSpace.from_model(model, torch.randn(IMAGE), multiple=multiple)
        return {name: widths[:3] for name, widths in space.choices.items()}

    # The depthwise one is cut with the first, so both multiples hold there.
    assert choices({"conv": 4, "depthwise": 6}) == {"0.0": (12, 24), "2.0": (4, 8, 12)}
    assert choices({"depthwise": 8}) == {"0.0": (8, 16, 24), "2.0": (3, 4, 5)}
    assert choices({"linear": 5}) == {"0.0": (3, 4, 5), "2.0": (5, 10, 15)}
    with pytest.raises(SpaceError, match=r"'depthwize'; allowed kinds: conv.*mean 'depthwise'"):
        choices({"depthwize": 8})


def test_a_multiple_gives_way_where_few_widths_would_be_left() -> None:
    model = nn.Sequential(conv(3, 64), conv(64, 16), nn.Flatten(), nn.Linear(16 * 256, 10)).eval()
    found = ChannelSpace.from_model(model, torch.randn(IMAGE), multiple=16, least_choices=8)
    assert {name: widths[:3] for name, widths in found.choices.items()} == {
        "0.0": (8, 16, 24),
        "1.0": (2, 4, 6),
    }

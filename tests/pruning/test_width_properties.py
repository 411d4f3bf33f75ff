"""What holds for the widths of any channel group, and for those of a network."""

import math
from functools import cache

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from edgeprune.pruning import ChannelSpace
from edgeprune.pruning.groups import ChannelGroup
from edgeprune.pruning.widths import allowed_widths, multiple_of
from tests.pruning.nets import IMAGE, build

#: Whole numbers, halves between two choices, and what no group has.
ASKED = st.integers(1, 44).map(lambda halves: halves / 2) | st.floats(0, 70, exclude_min=True)
RATIOS = st.floats(0.001, 1.0)


@st.composite
def groups(draw: st.DrawFn) -> ChannelGroup:
    """A group of any size, some of them cut by several channels at once."""
    unit = draw(st.sampled_from((1, 1, 2, 3, 8)))
    units = draw(st.integers(1, 40))
    return ChannelGroup(
        *("layer", ("layer",), units * unit, unit, 0.1, None, ()),
        classes=np.arange(units, dtype=np.int64),
    )


@cache
def _space() -> ChannelSpace:
    """Three groups, of which two are branches, in steps of 3."""
    torch.manual_seed(0)
    return ChannelSpace.from_model(build("residual"), torch.randn(IMAGE), multiple=3)


@st.composite
def widths(draw: st.DrawFn) -> dict[str, int]:
    """Allowed widths of the network; its branches have one group each."""
    space = _space()
    assert all(len(branch.groups) == 1 for branch in space.branches)
    return {group: draw(st.sampled_from(allowed)) for group, allowed in space.choices.items()}


@given(groups(), st.integers(1, 20), RATIOS)
def test_allowed_widths_ascend_in_steps_to_the_full_width(
    group: ChannelGroup, multiple: int, min_keep: float
) -> None:
    allowed = allowed_widths(group, multiple, min_keep)
    step = math.lcm(multiple, group.unit)
    assert list(allowed) == sorted(set(allowed)) and allowed[-1] == group.channels
    assert all(width > 0 and width % group.unit == 0 for width in allowed)
    assert all(width % step == 0 for width in allowed[:-1])
    least = min_keep * group.channels - 1e-6
    # All multiples from the least share on, and no other.
    expected = {one for one in range(step, group.channels, step) if one >= least}
    assert set(allowed[:-1]) == expected


@given(groups(), st.integers(1, 64), st.integers(1, 16))
def test_a_multiple_gives_way_until_enough_widths_are_left(
    group: ChannelGroup, multiple: int, least: int
) -> None:
    found = multiple_of(group, multiple, {}, least)
    assert 1 <= found <= multiple
    assert found == 1 or least == 1 or group.channels >= least * found
    # No smaller than it has to be.
    assert found == multiple or group.channels < least * (2 * found + 1)
    assert multiple_of(group, multiple, {}) == multiple


@given(st.data())
def test_snapping_takes_the_nearest_width_above_zero_the_smaller_of_two(
    data: st.DataObject,
) -> None:
    space = _space()
    asked = {group: data.draw(ASKED) for group in space.choices}
    snapped = space.snap(asked)
    for group, width in asked.items():
        kept = [one for one in space.choices[group] if one]
        assert snapped[group] == min(kept, key=lambda one: (abs(one - width), one))
    assert space.check_widths(snapped) == snapped == space.snap(snapped)


@given(st.data(), widths())
def test_allowed_widths_snap_to_themselves_and_left_out_groups_are_full(
    data: st.DataObject, found: dict[str, int]
) -> None:
    space = _space()
    assert space.snap(found) == found == space.check_widths(found)
    some = data.draw(st.lists(st.sampled_from(sorted(found)), unique=True))
    part = {group: found[group] for group in some}
    assert space.snap(part) == {**space.full, **part} == space.check_widths(part)


@given(RATIOS, RATIOS)
def test_scaling_by_a_larger_ratio_is_nowhere_narrower(one: float, other: float) -> None:
    space = _space()
    narrow, wide = (space.scaled(ratio) for ratio in sorted((one, other)))
    assert space.check_widths(narrow) == narrow
    assert all(0 < narrow[group] <= wide[group] for group in space.full)
    assert space.scaled(1.0) == space.full


@given(widths(), widths())
def test_a_network_that_is_nowhere_wider_costs_no_more(
    one: dict[str, int], other: dict[str, int]
) -> None:
    space = _space()
    narrow = {group: min(one[group], other[group]) for group in one}
    assert space.macs(narrow) <= space.macs(one) <= space.macs(space.full)
    assert space.params(narrow) <= space.params(one) <= space.params(space.full)
    costs = space.layer_costs(one)
    assert int(costs.macs.sum()) == space.macs(one)

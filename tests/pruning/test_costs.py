import numpy as np
import pytest
import torch

from edgeprune.pruning import ChannelSpace
from tests.pruning.nets import IMAGE, build


@pytest.fixture(scope="module")
def space() -> ChannelSpace:
    return ChannelSpace.from_model(build("residual"), torch.randn(IMAGE))


def test_costs_of_every_layer_by_hand(space: ChannelSpace) -> None:
    costs = space.layer_costs({"stem.0": 6, "inner.0": 4, "narrow.0": 10})
    pixels = 256
    assert costs.names == ("stem.0", "inner.0", "outer", "narrow.0", "wide", "head")
    assert costs.weights.tolist() == [6 * 27, 4 * 54, 6 * 36, 10 * 6, 6 * 10, 5 * 6]
    positions = [pixels] * 5 + [1]
    macs = [weights * count for weights, count in zip(costs.weights, positions, strict=True)]
    assert costs.macs.tolist() == macs
    inputs = [3, 6, 4, 6, 10, 6]
    assert costs.input_elements.tolist() == [
        channels * count for channels, count in zip(inputs, positions, strict=True)
    ]
    outputs = [6, 4, 6, 10, 6, 5]
    assert costs.output_elements.tolist() == [
        channels * count for channels, count in zip(outputs, positions, strict=True)
    ]


def test_grouped_convolutions_cost_their_group_inputs_only() -> None:
    space = ChannelSpace.from_model(build("grouped"), torch.randn(IMAGE))
    costs = space.layer_costs({"reduce.0": 12})
    grouped = costs.names.index("grouped.0")
    assert costs.weights[grouped] == 24 * 4 * 9
    assert costs.input_elements[grouped] == 12 * 256


def test_macs_are_the_sum_over_layers(space: ChannelSpace) -> None:
    for ratio in (0.2, 0.5, 1.0):
        widths = space.scaled(ratio)
        assert space.macs(widths) == space.layer_costs(widths).macs.sum()


def test_groups_left_out_keep_everything(space: ChannelSpace) -> None:
    assert space.macs({}) == space.macs(space.full)
    assert space.macs({"inner.0": 4}) == space.macs({**space.full, "inner.0": 4})
    assert space.params({"inner.0": 4}) == space.params({**space.full, "inner.0": 4})


def test_shares_of_macs(space: ChannelSpace) -> None:
    shares = {group.name: group.macs_share for group in space.groups}
    costs = space.layer_costs(space.full)
    inner = costs.macs[[costs.names.index(name) for name in ("inner.0", "outer")]].sum()
    assert shares["inner.0"] == pytest.approx(inner / costs.macs.sum())
    assert shares["stem.0"] == 1
    assert space.cuttable_macs_share == 1


def test_features_describe_the_first_layer_of_each_group() -> None:
    space = ChannelSpace.from_model(build("flatten"), torch.randn(IMAGE))
    table = {
        group.name: dict(zip(space.feature_names, row, strict=True))
        for group, row in zip(space.free, space.features.tolist(), strict=True)
    }
    costs = space.layer_costs(space.full)
    assert table["features.1.0"] == {
        **{"index": 1, "kind": 0, "c_in": 10, "c_out": 14, "stride": 2, "kernel": 3},
        **{"h": 4, "w": 4, "weights": 14 * 90 + 20 * 224, "macs": costs.macs[[1, 2]].sum()},
        **{"layers": 2, "unit": 1},
    }
    assert table["hidden"]["kind"] == 2
    assert np.isfinite(space.features).all()

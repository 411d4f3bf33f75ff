"""Wrong shapes after pruning that users of other tools report, each under its own name.

Numbers are threads of public trackers: TP is Torch-Pruning.
"""

import pytest
import torch
from torch import nn

from edgeprune.errors import SpaceError
from edgeprune.pruning import ChannelGroup, ChannelSpace
from tests.pruning.nets import IMAGE, build
from tests.pruning.promises import output, relative_difference


def _open(name: str) -> tuple[nn.Module, ChannelSpace]:
    model = build(name)
    return model, ChannelSpace.from_model(model, torch.randn(IMAGE))


def _group(space: ChannelSpace, name: str) -> ChannelGroup:
    return next(group for group in space.groups if group.name == name)


def test_no_layer_is_pruned_to_nothing() -> None:  # TP 8
    model = build("residual")
    space = ChannelSpace.from_model(model, torch.randn(IMAGE), min_keep=0.0001, blocks=False)
    assert all(choices[0] == 1 for choices in space.choices.values())
    smallest = {name: choices[0] for name, choices in space.choices.items()}
    pruned = space.plan(smallest).apply(model)
    assert output(pruned, torch.randn(IMAGE)).shape == (1, 5)
    for width in (0, -1):
        with pytest.raises(SpaceError, match=f"width {width} of group 'stem.0'.*allowed: 1 to 12"):
            space.plan({"stem.0": width})


@pytest.mark.parametrize("name", ["flatten", "computed view", "view of a batch of one"])
def test_a_view_with_computed_sizes_is_cut(name: str) -> None:  # TP 125
    model, space = _open(name)
    plan = space.plan({"features.1.0": 3})
    assert plan.apply(model).hidden.weight.shape == (20, 3 * 16)
    kept = plan.kept["features.1.0"]
    columns = [channel * 16 + pixel for channel in kept for pixel in range(16)]
    assert list(plan.slices["hidden.weight"][1]) == columns


def test_a_view_with_literal_sizes_is_fixed() -> None:  # TP 125
    _, space = _open("literal view")
    assert "a view with literal sizes" in str(_group(space, "features.1.0").fixed)
    assert _group(space, "features.0.0").fixed is None


def test_a_convolution_with_one_output_is_not_depthwise() -> None:  # TP 126, 179; nni 5736
    model, space = _open("one output")
    pruned = space.plan({"stem.0": 5, "spread": 2}).apply(model)
    assert (pruned.gate.in_channels, pruned.gate.out_channels, pruned.gate.groups) == (5, 1, 1)
    assert (pruned.spread.in_channels, pruned.spread.out_channels, pruned.spread.groups) == (
        1,
        2,
        1,
    )
    assert "gate" in _group(space, "stem.0").layers
    assert "spread" not in _group(space, "stem.0").layers


def test_squeeze_excite_gates_follow_what_they_scale() -> None:  # nni 4720: 156 against 159
    model, space = _open("squeeze-excite")
    assert _group(space, "stem.0").layers == ("stem.0", "squeeze", "excite", "head")
    plan = space.plan({"stem.0": 11, "squeeze": 4})
    pruned = plan.apply(model)
    assert pruned.squeeze.weight.shape[:2] == (4, 11)
    assert pruned.excite.weight.shape[:2] == (11, 4)
    assert plan.slices["excite.weight"][0] == plan.slices["stem.0.weight"][0]


def test_depthwise_convolutions_keep_one_input_per_group() -> None:  # nni 4991
    model, space = _open("depthwise")
    plan = space.plan({"expand.0": 5})
    pruned = plan.apply(model)
    assert pruned.depthwise[0].weight.shape[:2] == (5, 1)
    assert pruned.depthwise[0].groups == 5
    assert pruned.multiplier[0].weight.shape[:2] == (10, 1)
    assert pruned.multiplier[0].groups == 5
    # The pair of outputs that a channel is doubled into stays together.
    assert list(plan.slices["project.weight"][1]) == [
        2 * channel + half for channel in plan.kept["expand.0"] for half in (0, 1)
    ]


def test_depthwise_convolutions_may_come_down_to_one_channel() -> None:
    model = build("depthwise")
    image = torch.randn(IMAGE)
    space = ChannelSpace.from_model(model, image, min_keep=0.01)
    plan = space.plan({"expand.0": 1})
    pruned = plan.apply(model)
    assert pruned.depthwise[0].groups == 1
    assert output(pruned, image).shape == (1, 5)


def test_grouped_convolutions_lose_whole_groups() -> None:
    model, space = _open("grouped")
    group = _group(space, "reduce.0")
    assert (group.channels, group.unit, group.units) == (24, 4, 6)
    assert space.choices["reduce.0"] == (4, 8, 12, 16, 20, 24)
    pruned = space.plan({"reduce.0": 8}).apply(model)
    assert pruned.grouped[0].groups == 2
    assert pruned.grouped[0].weight.shape[:2] == (16, 4)


def test_shortcuts_are_cut_with_all_that_is_added_to_them() -> None:  # distiller 305
    model, space = _open("residual")
    plan = space.plan({"stem.0": 7})
    kept = plan.kept["stem.0"]
    for name, axis in (("outer.weight", 0), ("wide.weight", 0), ("inner.0.weight", 1)):
        assert plan.slices[name][axis] == kept
    assert output(plan.apply(model), torch.randn(IMAGE)).shape == (1, 5)


def test_shortcuts_padded_by_a_number_of_channels_are_fixed() -> None:
    model, space = _open("padded shortcut")
    for name in ("stem.0", "outer"):
        assert "option-A" in str(_group(space, name).fixed)
    assert output(space.plan({"inner.0": 3}).apply(model), torch.randn(IMAGE)).shape == (1, 5)


def test_what_only_a_trial_can_tell_is_fixed_with_what_went_wrong() -> None:
    model = build("literal norm")
    image = torch.randn(IMAGE)
    trusting = ChannelSpace.from_model(model, image, check=False)
    assert "second.0" in trusting.choices
    space = ChannelSpace.from_model(model, image)
    assert "does not run" in str(_group(space, "second.0").fixed)
    assert set(space.choices) == {"first.0", "third.0"}


def test_heads_that_exist_in_training_only_are_cut_with_what_they_read() -> None:
    model, space = _open("auxiliary head")
    pruned = space.plan({"first.0": 5}).apply(model)
    scores, other = pruned.train()(torch.randn(2, 3, 16, 16))
    assert scores.shape == other.shape == (2, 5)
    assert sum(one.numel() for one in pruned.parameters()) == space.params({"first.0": 5})


def test_tied_weights_stay_tied() -> None:
    model, space = _open("tied")
    pruned = space.plan({"stem.0": 5}).apply(model)
    assert pruned.again is pruned.shared
    assert pruned.shared.weight.shape[:2] == (5, 5)
    image = torch.randn(IMAGE)
    plan = space.plan({"stem.0": 5})
    sliced = space.slice_state(plan)
    assert torch.equal(sliced["again.weight"], sliced["shared.weight"])
    assert relative_difference(output(plan.apply(model), image), output(pruned, image)) == 0

"""Branches of residual blocks: which may go, and what is left when they do."""

from pathlib import Path

import onnx
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from edgeprune.config import ModelConfig
from edgeprune.errors import SpaceError
from edgeprune.pruning import ChannelSpace, Plan
from edgeprune.workloads import build_model
from tests.pruning.promises import check_plan, counted, onnx_output, output, with_other_weights

IMAGE = (1, 3, 32, 32)


@pytest.fixture(scope="module")
def image() -> torch.Tensor:
    return torch.randn(IMAGE, generator=torch.Generator().manual_seed(0))


@pytest.fixture(scope="module")
def resnet() -> nn.Module:
    torch.manual_seed(0)
    return build_model(ModelConfig(name="resnet20")).eval()


@pytest.fixture(scope="module")
def space(resnet: nn.Module, image: torch.Tensor) -> ChannelSpace:
    return ChannelSpace.from_model(resnet, image)


def _operators(content: bytes) -> list[str]:
    return [node.op_type for node in onnx.load_from_string(content).graph.node]


def test_every_block_of_a_resnet_may_go(space: ChannelSpace) -> None:
    assert [branch.name for branch in space.branches] == [
        f"layer{stage}.{block}" for stage in (1, 2, 3) for block in range(3)
    ]
    assert all(space.choices[branch.groups[0]][0] == 0 for branch in space.branches)
    assert space.choices["conv1"][0] > 0  # the residual stream itself stays


def test_a_removed_block_leaves_nothing_but_its_shortcut(
    space: ChannelSpace, resnet: nn.Module, image: torch.Tensor
) -> None:
    plan = space.plan({"layer1.1.conv1": 0})
    pruned = plan.apply(resnet)
    assert not [name for name in pruned.state_dict() if name.startswith("layer1.1.")]
    before = _operators(space.template.base)
    after = _operators(space.template.candidate(space.slice_state(plan)))
    assert before.count("Conv") - after.count("Conv") == 2
    assert before.count("Add") - after.count("Add") == 1
    # Both ReLUs of the block: the one behind the sum would see what a ReLU has made.
    assert before.count("Relu") - after.count("Relu") == 2
    block = resnet.layer1[0]
    features = torch.relu(resnet.bn1(resnet.conv1(image)))
    with torch.no_grad():
        assert torch.equal(pruned.layer1[:2](features), block(features))


def test_counts_of_a_net_without_blocks_are_what_is_counted(
    space: ChannelSpace, resnet: nn.Module, image: torch.Tensor
) -> None:
    widths = {name: choices[0] for name, choices in space.choices.items()}
    pruned = space.plan(widths).apply(resnet)
    assert counted(pruned, image) == (space.macs(widths), space.params(widths))
    costs = space.layer_costs(widths)
    left = [name for name, macs in zip(costs.names, costs.macs, strict=True) if macs]
    assert left == ["conv1", "linear"]
    assert costs.output_elements[1:-1].sum() == costs.input_elements[1:-1].sum() == 0


def test_a_stage_without_blocks_and_an_uneven_border(
    space: ChannelSpace, resnet: nn.Module, image: torch.Tensor, tmp_path: Path
) -> None:
    widths = {
        name: choices[0] if choices[0] == 0 else width
        for (name, choices), width in zip(space.choices.items(), space.full.values(), strict=True)
    }
    widths |= {"layer2.0.conv2": 6, "layer3.0.conv2": 10}
    check_plan(space, resnet, with_other_weights(resnet), image, widths, tmp_path)
    # The weights alone do not tell how the border is divided; the widths do.
    pruned = space.plan(widths).apply(resnet)
    content = space.template.candidate(pruned.state_dict(), widths)
    assert content == space.template.candidate(space.slice_state(space.plan(widths)))


def test_channels_of_a_padded_shortcut_are_cut(
    space: ChannelSpace, resnet: nn.Module, image: torch.Tensor, tmp_path: Path
) -> None:
    assert [group.name for group in space.groups if group.fixed] == ["linear"]
    widths = {"conv1": 9, "layer2.0.conv2": 4, "layer3.0.conv2": 10}
    pruned = space.plan(widths).apply(resnet)
    assert pruned.linear.in_features == 9 + 4 + 10
    check_plan(space, resnet, with_other_weights(resnet), image, widths, tmp_path)


class _PaddedInForward(nn.Module):
    """Pads its shortcut in the block's own code: there is no module whose output can be cut."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3, padding=1)
        self.inner = nn.Conv2d(8, 12, 3, stride=2, padding=1)
        self.outer = nn.Conv2d(12, 12, 3, padding=1)
        self.head = nn.Linear(12, 5)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        features = torch.relu(self.stem(images))
        inner = self.outer(torch.relu(self.inner(features)))
        total = inner + F.pad(features[:, :, ::2, ::2], (0, 0, 0, 0, 2, 2))
        return self.head(total.mean((2, 3)))


def test_a_border_in_a_blocks_own_code_fixes_the_stream(image: torch.Tensor) -> None:
    space = ChannelSpace.from_model(_PaddedInForward().eval(), image)
    reasons = {group.name: group.fixed for group in space.groups}
    assert "padded with a fixed number of channels" in str(reasons["stem"])
    assert space.choices["inner"][0] == 0  # the branch beside it may go all the same


class _Scaled(nn.Module):
    """A block with a layer scale of its own, as ConvNeXt has it."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3, padding=1)
        self.scale = nn.Parameter(torch.full((8, 1, 1), 0.5))
        self.block = nn.Sequential(nn.Conv2d(8, 16, 1), nn.GELU(), nn.Conv2d(16, 8, 1))
        self.head = nn.Linear(8, 5)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        features = self.stem(images)
        features = features + self.scale * self.block(features)
        return self.head(features.mean((2, 3)))


def test_a_layer_scale_goes_with_its_branch(image: torch.Tensor, tmp_path: Path) -> None:
    model = _Scaled().eval()
    space = ChannelSpace.from_model(model, image)
    widths = {"stem": 5, "block.0": 0}
    assert "scale" not in space.plan(widths).apply(model).state_dict()
    check_plan(space, model, with_other_weights(model), image, widths, tmp_path)


class _Sigmoid(_Scaled):
    """What is left of this branch without its layers is no zero."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        features = self.stem(images)
        features = features + torch.sigmoid(self.block(features))
        return self.head(features.mean((2, 3)))


def test_a_branch_that_does_not_end_in_zero_stays(image: torch.Tensor) -> None:
    space = ChannelSpace.from_model(_Sigmoid().eval(), image)
    assert space.branches == ()
    assert space.choices["block.0"][0] == 2


def test_blocks_can_be_kept(resnet: nn.Module, image: torch.Tensor) -> None:
    space = ChannelSpace.from_model(resnet, image, blocks=False)
    assert space.branches == ()
    assert all(choices[0] > 0 for choices in space.choices.values())
    with pytest.raises(SpaceError, match=r"width 0 of group 'layer1\.0\.conv1'.*allowed: 2 to 16"):
        space.plan({"layer1.0.conv1": 0})


def test_a_block_that_the_user_leaves_out_stays(resnet: nn.Module, image: torch.Tensor) -> None:
    space = ChannelSpace.from_model(resnet, image, exclude=["layer1.1.conv1"])
    assert "layer1.1" not in [branch.name for branch in space.branches]


def test_a_rigid_group_may_still_go_with_its_block(resnet: nn.Module, image: torch.Tensor) -> None:
    space = ChannelSpace.from_model(resnet, image, multiple=16)
    assert space.choices["layer1.0.conv1"] == (0, 16)
    assert next(g for g in space.groups if g.name == "conv1").fixed


def test_groups_of_one_branch_go_together(image: torch.Tensor) -> None:
    model = build_model(ModelConfig(name="mobilenet_v3_small")).eval()
    space = ChannelSpace.from_model(model, image)
    branch = next(one for one in space.branches if len(one.groups) > 1)
    first, *others = branch.groups
    alone = space.check_widths({first: 0})
    assert all(alone[name] == 0 for name in branch.groups)
    with pytest.raises(SpaceError, match="a branch is removed as a whole"):
        space.plan({first: 0, others[0]: space.full[others[0]]})


def test_narrow_is_not_gone(space: ChannelSpace) -> None:
    assert all(width > 0 for width in space.scaled(0.01).values())
    assert space.snap({"layer1.0.conv1": 0})["layer1.0.conv1"] == 0


def test_a_removed_block_survives_a_round_trip_and_trains(
    space: ChannelSpace, resnet: nn.Module, tmp_path: Path
) -> None:
    plan = space.plan({"layer2.0.conv1": 0, "layer3.1.conv1": 0, "layer2.0.conv2": 6})
    plan.save(tmp_path / "plan.json")
    assert Plan.load(tmp_path / "plan.json") == plan
    pruned = plan.apply(resnet).train()
    loss = pruned(torch.randn(4, 3, 32, 32)).square().mean()
    loss.backward()
    assert all(parameter.grad is not None for parameter in pruned.parameters())


def test_plans_of_the_first_format_are_read(space: ChannelSpace, tmp_path: Path) -> None:
    plan = space.plan({"layer1.0.conv1": 8})
    plan.save(tmp_path / "plan.json")
    text = (tmp_path / "plan.json").read_text()
    old = text.replace('"format": 2', '"format": 1').replace('"edits": []', '"unused": []')
    assert old != text
    (tmp_path / "old.json").write_text(old)
    assert Plan.load(tmp_path / "old.json") == plan


def test_a_model_whose_output_is_a_sum_keeps_the_name(image: torch.Tensor) -> None:
    class Sum(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.head = nn.Linear(3 * 32 * 32, 6)
            self.first, self.second = nn.Linear(6, 8), nn.Linear(8, 6)

        def forward(self, images: torch.Tensor) -> torch.Tensor:
            scores = self.head(images.flatten(1))
            return scores + self.second(torch.relu(self.first(scores)))

    model = Sum().eval()
    space = ChannelSpace.from_model(model, image)
    plan = space.plan({"first": 0})
    content = space.template.candidate(space.slice_state(plan))
    assert _operators(content)[-1] == "Identity"
    found, expected = onnx_output(content, image), output(plan.apply(model), image)
    assert torch.allclose(found, expected, atol=1e-5)

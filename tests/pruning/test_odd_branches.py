"""Branches in unusual code: found by reading the graph, so that trial cuts find nothing more."""

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from edgeprune.pruning import ChannelSpace
from edgeprune.pruning.soundness import problem_with
from tests.pruning.nets import IMAGE, conv, enliven


class Several(nn.Module):
    """Convolutions in a list, their sum made in place; GhostNet V3."""

    def __init__(self) -> None:
        super().__init__()
        self.convs = nn.ModuleList(nn.Conv2d(12, 12, size, padding=size // 2) for size in (1, 3))
        self.last = nn.Conv2d(12, 12, 1)

    def forward(self, x: Tensor) -> Tensor:
        total = self.convs[0](x)
        for one in self.convs:
            total += one(x)
        return x + self.last(F.relu(total))


class InPlace(nn.Module):
    """An activation that all blocks share, in place, on what a removed layer passes on."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.last = nn.Conv2d(12, 9, 1), nn.Conv2d(9, 12, 1)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.last(F.hardswish(self.first(x) - 1, inplace=True).neg_())


class ChannelsLast(nn.Module):
    """The layers behind the depthwise one see channels last; ConvNeXt."""

    def __init__(self) -> None:
        super().__init__()
        self.depthwise = nn.Conv2d(12, 12, 3, padding=1, groups=12)
        self.norm = nn.LayerNorm(12)
        self.mlp = nn.Sequential(nn.Linear(12, 20), nn.GELU(), nn.Linear(20, 12))

    def forward(self, x: Tensor) -> Tensor:
        y = self.norm(self.depthwise(x).permute(0, 2, 3, 1))
        return x + self.mlp(y).permute(0, 3, 1, 2)


class Places(nn.Module):
    """Made of sizes alone."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.linspace(0.5, 1.5, 12).view(1, 12, 1, 1))

    def forward(self, size: tuple[int, int]) -> Tensor:
        return self.scale * torch.arange(float(size[0])).view(1, 1, -1, 1)


class Placed(nn.Module):
    """A module in the branch that is given no image."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.places, self.last = nn.Conv2d(12, 12, 1), Places(), nn.Conv2d(12, 12, 1)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.last(F.relu(self.first(x) + self.places((x.shape[2], x.shape[3]))))


class Named(nn.Module):
    """A module that is called with arguments by name."""

    class Inner(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.last = nn.Conv2d(12, 9, 1), nn.Conv2d(9, 12, 1)

        def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
            return self.last(F.relu(self.first(x)))

    def __init__(self) -> None:
        super().__init__()
        self.inner = self.Inner()

    def forward(self, x: Tensor) -> Tensor:
        return x + self.inner(x, mask=None)


class Joined(nn.Module):
    """Convolutions side by side whose outputs the last one reads; Inception-ResNet."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.other = nn.Conv2d(12, 9, 1), nn.Conv2d(12, 7, 3, padding=1)
        self.last = nn.Conv2d(16, 12, 1)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.last(F.relu(torch.cat([self.one(x), self.other(x)], 1))) * 0.5


BLOCKS = [Several, InPlace, ChannelsLast, Placed, Named, Joined]


def net(block: type[nn.Module]) -> nn.Module:
    torch.manual_seed(0)
    head = [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(12, 5)]
    return enliven(nn.Sequential(conv(3, 12), block(), block(), *head))


@pytest.mark.parametrize("block", BLOCKS)
def test_a_branch_goes_or_stays_by_reading_alone(block: type[nn.Module]) -> None:
    model, image = net(block), torch.randn(IMAGE)
    read = ChannelSpace.from_model(model, image, check=False)
    space = ChannelSpace.from_model(model, image)
    assert [one.name for one in read.branches] == [one.name for one in space.branches]
    assert [one.fixed for one in read.groups] == [one.fixed for one in space.groups]
    assert [one.name for one in space.branches] == ([] if block is Placed else ["1", "2"])
    for branch in space.branches:
        plan = space.plan(space.scaled(0.6) | dict.fromkeys(branch.groups, 0))
        content = space.template.candidate(space.slice_state(plan))
        assert problem_with(plan, model, lambda made=content: made, image, batch=2) is None
        left = sum(one.numel() for one in plan.apply(model).parameters())
        assert space.params(plan.widths) == left

import torch
import torch.nn.functional as F
from torch import nn

from edgeprune.evaluation.consumers import find_consumers


class Branches(nn.Module):
    """Two layers on one tensor, one after an in-place change, one grouped, one used twice."""

    def __init__(self) -> None:
        super().__init__()
        self.left = nn.Conv2d(3, 4, 3, padding=1)
        self.right = nn.Conv2d(3, 4, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(4)
        self.wide = nn.Conv2d(3, 4, 1)
        self.late = nn.Conv2d(3, 4, 3, padding=1)
        self.grouped = nn.Conv2d(4, 4, 3, padding=1, groups=2)
        self.twice = nn.Conv2d(4, 4, 1)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        images = images * 1
        total = self.left(images) + self.norm(self.right(images)) + self.wide(images)
        total = total + self.late(F.relu_(images))
        return self.twice(self.twice(self.grouped(total))).mean((2, 3))


def test_finds_what_can_be_refitted_and_what_shares_an_input() -> None:
    found = find_consumers(Branches().eval(), torch.randn(1, 3, 8, 8))
    assert {name: consumer.source for name, consumer in found.items()} == {
        "left": "left",
        "right": "left",
        "wide": "wide",
        "late": "late",
    }
    assert found["left"].columns == 27
    assert found["wide"].columns == 3


def test_knows_which_outputs_are_normalised() -> None:
    found = find_consumers(Branches().eval(), torch.randn(1, 3, 8, 8))
    assert [name for name, consumer in found.items() if consumer.normalised] == ["right"]


def test_leaves_no_hooks_behind() -> None:
    model = Branches().eval()
    find_consumers(model, torch.randn(1, 3, 8, 8))
    for module in model.modules():
        assert not module._forward_hooks
        assert not module._forward_pre_hooks

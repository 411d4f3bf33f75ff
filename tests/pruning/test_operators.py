"""Operators met in networks of others, each in the smallest network that needs its rule."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode

from edgeprune.pruning import ChannelSpace, Plan
from tests.pruning.nets import IMAGE, conv, enliven
from tests.pruning.promises import TOLERANCE, onnx_output, output, relative_difference


class Chain(nn.Module):
    """A layer, what is tried, another layer and a linear head."""

    def __init__(self, channels: int, middle: nn.Module, after: int | None = None) -> None:
        super().__init__()
        self.first = conv(3, channels)
        self.middle = middle
        self.last = conv(channels if after is None else after, 10)
        self.head = nn.Linear(10, 5)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.last(self.middle(self.first(x))).mean((2, 3)))


class SamePadding(nn.Module):
    """TensorFlow's padding: its border is computed from the image's size, by rounding."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = nn.Conv2d(12, 14, 3, stride=2)

    def forward(self, x: Tensor) -> Tensor:
        pads = []
        for size in (x.size(3), x.size(2)):
            if isinstance(size, Tensor):
                need = torch.clamp((torch.ceil(size / 2) - 1) * 2 + 3 - size, min=0)
                pads += [torch.div(need, 2, rounding_mode="floor").long()]
            else:
                need = max((-(-size // 2) - 1) * 2 + 3 - size, 0)
                pads += [need // 2]
            pads += [need - pads[-1]]
        return self.inner(
            F.pad(x, [int(one) for one in pads] if not torch.jit.is_tracing() else pads)
        )


class UpTo(nn.Module):
    """An image made as large as another one, by its size; and one by a factor."""

    def __init__(self) -> None:
        super().__init__()
        self.small = conv(12, 14, stride=2)
        self.smaller = conv(14, 14, stride=2)

    def forward(self, x: Tensor) -> Tensor:
        small = self.small(x)
        smaller = F.interpolate(self.smaller(small), scale_factor=2, mode="nearest")
        return F.interpolate(small + smaller, size=x.shape[-2:], mode="bilinear")


class SplitByWidth(nn.Module):
    """Res2Net: parts of one width, which the module keeps."""

    def __init__(self) -> None:
        super().__init__()
        self.width = 4
        self.convs = nn.ModuleList(nn.Conv2d(4, 4, 3, padding=1) for _ in range(2))

    def forward(self, x: Tensor) -> Tensor:
        first, second, third = torch.split(x, self.width, 1)
        second = self.convs[0](second)
        return torch.cat((first, second, self.convs[1](second + third)), 1)


class SplitInHalf(nn.Module):
    """CSPNet: half of a number that the module keeps."""

    def __init__(self) -> None:
        super().__init__()
        self.expand_chs = 12
        self.inner = nn.Conv2d(6, 8, 1)

    def forward(self, x: Tensor) -> Tensor:
        left, right = x.split(self.expand_chs // 2, dim=1)
        return torch.cat((left, self.inner(right)), 1)


class SplitUnevenly(nn.Module):
    """Mixed convolutions: sizes in a list, and sizes by two names."""

    def __init__(self) -> None:
        super().__init__()
        self.splits = [5, 7]
        self.near, self.far = 2, 10
        self.left = nn.Conv2d(5, 5, 3, padding=1)
        self.right = nn.Conv2d(7, 7, 5, padding=2, groups=7)
        self.deep = nn.Conv2d(2, 2, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        left, right = torch.split(x, self.splits, 1)
        x = torch.cat((self.left(left), self.right(right)), 1)
        near, far = torch.split(x, [self.near, self.far], 1)
        return torch.cat((self.deep(near), far), 1)


class SliceByName(nn.Module):
    """DPN and ReXNet: the first channels go one way, the others another."""

    def __init__(self) -> None:
        super().__init__()
        self.count = 5
        self.inner = nn.Conv2d(5, 5, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat((self.inner(x[:, : self.count]), x[:, self.count :]), 1)


class SplitByLiteral(nn.Module):
    """Sizes that no name holds."""

    def forward(self, x: Tensor) -> Tensor:
        left, right = torch.split(x, [4, 8], 1)
        return torch.cat((right, left), 1)


class HandWrittenNorms(nn.Module):
    """A layer norm over channels and an RMS norm, by means."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.linspace(0.5, 1.5, 12))
        self.shift = nn.Parameter(torch.linspace(-1, 1, 12))

    def forward(self, x: Tensor) -> Tensor:
        mean = x.mean(1, keepdim=True)
        x = (x - mean) / torch.sqrt((x - mean).pow(2).mean(1, keepdim=True) + 1e-6)
        x = x * self.scale[:, None, None] + self.shift[:, None, None]
        return x * torch.rsqrt(x.pow(2).mean(1, keepdim=True) + 1e-6)


class ChannelsAndPlaces(nn.Module):
    """ECA: a convolution along the channels; CBAM: a gate from their mean and maximum."""

    def __init__(self) -> None:
        super().__init__()
        self.along = nn.Conv1d(1, 1, 3, padding=1, bias=False)
        self.places = nn.Conv2d(2, 1, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        gate = self.along(x.mean((2, 3)).view(x.shape[0], 1, -1)).sigmoid()
        x = x * gate.view(x.shape[0], -1, 1, 1).expand_as(x)
        both = torch.cat((x.mean(1, keepdim=True), x.max(1, keepdim=True).values), 1)
        return x * self.places(both).sigmoid()


class Blur(nn.Module):
    """A constant filter in a buffer that no state dict holds, once for every channel."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.channels = channels
        row = torch.tensor([1.0, 2.0, 1.0]) / 4
        kernel = (row[:, None] * row).repeat(channels, 1, 1, 1)
        self.register_buffer("filt", kernel, persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        return F.conv2d(x, self.filt, stride=2, groups=self.channels)


class Standardised(nn.Conv2d):
    """Weights of mean 0 and variance 1, as in BiT and NF-Nets."""

    def forward(self, x: Tensor) -> Tensor:
        flat = self.weight.reshape(1, self.out_channels, -1)
        weight = F.batch_norm(flat, None, None, training=True, momentum=0.0)
        weight = weight.reshape_as(self.weight)
        return F.conv2d(x, weight, self.bias, self.stride, self.padding, 1, self.groups)


class Context(nn.Module):
    """Global context: a product of two activations, pixels by a softmax over pixels."""

    def __init__(self) -> None:
        super().__init__()
        self.attend = nn.Conv2d(12, 1, 1)
        self.inner = nn.Conv2d(12, 12, 1)

    def forward(self, x: Tensor) -> Tensor:
        batch, channels, height, width = x.shape
        weights = self.attend(x).reshape(batch, 1, height * width).softmax(-1).unsqueeze(3)
        found = x.reshape(batch, channels, height * width).unsqueeze(1) @ weights
        return x + self.inner(found.view(batch, channels, 1, 1))


def grouped_up() -> nn.Module:
    return nn.ConvTranspose2d(12, 18, 2, stride=2, groups=6)


NETS: dict[str, Callable[[], nn.Module]] = {
    "same padding": lambda: Chain(12, SamePadding(), 14),
    "resize to size": lambda: Chain(12, UpTo(), 14),
    "split by width": lambda: Chain(12, SplitByWidth()),
    "split in half": lambda: Chain(12, SplitInHalf(), 14),
    "split unevenly": lambda: Chain(12, SplitUnevenly()),
    "slice by name": lambda: Chain(12, SliceByName()),
    "group norm": lambda: Chain(12, nn.GroupNorm(3, 12)),
    "group norm of one": lambda: Chain(12, nn.GroupNorm(1, 12)),
    "instance norm": lambda: Chain(12, nn.InstanceNorm2d(12)),
    "hand-written norms": lambda: Chain(12, HandWrittenNorms()),
    "channel statistics": lambda: Chain(12, ChannelsAndPlaces()),
    "blur": lambda: Chain(12, Blur(12)),
    "standardised": lambda: Chain(12, Standardised(12, 9, 3), 9),
    "grouped transposed": lambda: Chain(12, grouped_up(), 18),
    "depthwise transposed": lambda: Chain(12, nn.ConvTranspose2d(12, 12, 3, groups=12)),
    "pixel shuffle": lambda: Chain(12, nn.PixelShuffle(2), 3),
    "context": lambda: Chain(12, Context()),
}


def build(name: str) -> nn.Module:
    torch.manual_seed(0)
    return enliven(NETS[name]())


def image(count: int = 1) -> Tensor:
    return torch.randn((count, *IMAGE[1:]), generator=torch.Generator().manual_seed(1))


def counted(model: nn.Module) -> int:
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        model(image())
    return counter.get_total_flops() // 2


@pytest.mark.parametrize("name", NETS)
def test_plans_are_cut_for_real(name: str, tmp_path: Path) -> None:
    model = build(name)
    space = ChannelSpace.from_model(model, image())
    assert "first.0" in space.full, [group.fixed for group in space.groups]
    assert space.cuttable_macs_share == pytest.approx(1, abs=0.05)
    assert space.macs(space.full) == counted(model)
    for ratio in (0.3, 0.5, 0.8):
        widths = space.scaled(ratio)
        plan = space.plan(widths)
        plan.save(tmp_path / "plan.json")
        pruned = Plan.load(tmp_path / "plan.json").apply(model)
        assert space.macs(widths) == counted(pruned)
        assert space.params(widths) == sum(one.numel() for one in pruned.parameters())
        content = space.template.candidate(space.slice_state(plan))
        expected = torch.cat([output(pruned, one[None]) for one in image(2)])
        found = onnx_output(content, image(2))
        assert relative_difference(found, expected) <= TOLERANCE
        # Weights alone make the same file, as after a fine-tuning.
        assert space.template.candidate(pruned.state_dict()) == content


@pytest.mark.parametrize("name", NETS)
def test_the_analysis_alone_finds_it(name: str) -> None:
    checked = ChannelSpace.from_model(build(name), image())
    unchecked = ChannelSpace.from_model(build(name), image(), check=False)
    assert [group.fixed for group in checked.groups] == [group.fixed for group in unchecked.groups]


def test_what_is_cut_alike() -> None:
    units = {
        name: next(group for group in ChannelSpace.from_model(build(name), image()).groups).unit
        for name in ("split by width", "split in half", "group norm", "pixel shuffle", "blur")
    }
    assert units == {
        **{"split by width": 3, "split in half": 2, "group norm": 3, "pixel shuffle": 4},
        "blur": 1,
    }


def test_sizes_without_a_name_fix_the_channels_and_say_where() -> None:
    model = enliven(Chain(12, SplitByLiteral()))
    space = ChannelSpace.from_model(model, image(), check=False)
    first = next(group for group in space.groups if group.name == "first.0")
    assert first.fixed == "taken apart at channels that the code spells out: Split in 'middle'"


def test_a_number_that_means_something_else_is_found_out() -> None:
    class Coincidence(SplitByLiteral):
        def __init__(self) -> None:
            super().__init__()
            self.sizes = (4, 8)  # as in the code, which does not read it

    space = ChannelSpace.from_model(enliven(Chain(12, Coincidence())), image())
    first = next(group for group in space.groups if "first.0" in group.layers)
    assert first.fixed is not None and "does not run" in first.fixed


def test_windows_before_the_batch_are_counted() -> None:
    class Windows(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first = conv(3, 12)
            self.inner = nn.Linear(12, 12)
            self.head = nn.Linear(12, 5)

        def forward(self, x: Tensor) -> Tensor:
            x = self.first(x)
            x = x.view(x.shape[0], x.shape[1], 4, 4, 4, 4).permute(0, 2, 4, 3, 5, 1)
            x = self.inner(x.reshape(-1, 16, x.shape[5]))
            x = x @ x.transpose(1, 2) @ x
            return self.head(x.mean((0, 1))[None])

    model = enliven(Windows())
    space = ChannelSpace.from_model(model, image())
    assert space.macs(space.full) == counted(model)
    widths = space.scaled(0.5)
    assert space.macs(widths) == counted(space.plan(widths).apply(model))


def test_what_is_not_followed_is_counted() -> None:
    class Dynamic(nn.Module):
        """Weights computed from the image."""

        def __init__(self) -> None:
            super().__init__()
            self.inner = nn.Linear(12, 12 * 9)

        def forward(self, x: Tensor) -> Tensor:
            return F.conv2d(x, self.inner(x.mean((2, 3))).view(12, 1, 3, 3), groups=12)

    model = enliven(Chain(12, Dynamic()))
    space = ChannelSpace.from_model(model, image())
    assert space.macs(space.full) == counted(model)
    fixed = [group.fixed for group in space.groups if group.name == "first.0"]
    assert fixed == ["weights that are computed from activations: Conv in 'middle'"]


def test_a_branch_stays_whose_code_would_take_apart_what_is_passed_on() -> None:
    class Block(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.width = 4
            self.inner = conv(10, 12)
            self.outer = nn.Conv2d(12, 10, 1)

        def forward(self, x: Tensor) -> Tensor:
            first, second, third = torch.split(self.inner(x), self.width, 1)
            return x + self.outer(torch.cat((third, first, second), 1))

    model = enliven(nn.Sequential(conv(3, 10), Block(), nn.AdaptiveAvgPool2d(1), nn.Flatten()))
    for check in (True, False):  # found by reading, not by a trial cut
        space = ChannelSpace.from_model(model, image(), check=check)
        assert "1.inner.0" in space.full
        assert not space.branches

"""Small networks, each with one thing that channel pruning gets wrong elsewhere."""

from collections.abc import Iterator

import torch
from torch import Tensor, nn
from torch.nn import functional as F

IMAGE = (1, 3, 16, 16)


def conv(inputs: int, outputs: int, kernel: int = 3, **settings: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2, bias=False, **settings),
        nn.BatchNorm2d(outputs),
        nn.ReLU(),
    )


def enliven(model: nn.Module, seed: int = 0) -> nn.Module:
    """Random statistics and scales, so that no channel is like another; eval mode."""
    generator = torch.Generator().manual_seed(seed)

    def draw(tensor: Tensor, low: float, high: float) -> None:
        tensor.data.uniform_(low, high, generator=generator)

    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            draw(module.running_mean, -0.2, 0.2)
            draw(module.running_var, 0.5, 1.5)
            draw(module.weight, 0.5, 1.5)
            draw(module.bias, -0.2, 0.2)
    for name, parameter in model.named_parameters():
        if name.endswith("layer_scale"):
            draw(parameter, 0.5, 1.5)
    return model.eval()


class Residual(nn.Module):
    """Two blocks on one residual stream, then a linear head."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = conv(3, 12)
        self.inner = conv(12, 20)
        self.outer = nn.Conv2d(20, 12, 3, padding=1)
        self.narrow = conv(12, 10, 1)
        self.wide = nn.Conv2d(10, 12, 1)
        self.head = nn.Linear(12, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        x = F.relu(x + self.outer(self.inner(x)))
        x = F.relu(x + self.wide(self.narrow(x)))
        return self.head(x.mean((2, 3)))


class Depthwise(nn.Module):
    """Pointwise, depthwise, pointwise; and a depthwise convolution that doubles its channels."""

    def __init__(self) -> None:
        super().__init__()
        self.expand = conv(3, 16, 1)
        self.depthwise = conv(16, 16, groups=16)
        self.multiplier = conv(16, 32, groups=16)
        self.project = nn.Conv2d(32, 12, 1)
        self.head = nn.Linear(12, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = self.project(self.multiplier(self.depthwise(self.expand(x))))
        return self.head(F.adaptive_avg_pool2d(x, 1).flatten(1))


class Grouped(nn.Module):
    """A grouped convolution between two ordinary ones, as in ResNeXt."""

    def __init__(self) -> None:
        super().__init__()
        self.reduce = conv(3, 24, 1)
        self.grouped = conv(24, 48, groups=6)
        self.head = nn.Linear(48, 5)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.grouped(self.reduce(x)).mean((2, 3)))


class SqueezeExcite(nn.Module):
    """Gates by sigmoid, made by 1x1 convolutions on pooled channels."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = conv(3, 18)
        self.squeeze = nn.Conv2d(18, 6, 1)
        self.excite = nn.Conv2d(6, 18, 1)
        self.head = nn.Linear(18, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        gates = torch.sigmoid(self.excite(F.relu(self.squeeze(F.adaptive_avg_pool2d(x, 1)))))
        return self.head((x * gates).mean((2, 3)))


class Shuffle(nn.Module):
    """Channel shuffle and chunk with computed sizes, as in ShuffleNet."""

    def __init__(self) -> None:
        super().__init__()
        self.left = conv(3, 12)
        self.right = conv(3, 12)
        self.branch = conv(12, 16)
        self.last = nn.Conv2d(16, 12, 1)
        self.head = nn.Linear(24, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = torch.cat((self.left(x), self.right(x)), 1)
        batch, channels, height, width = x.size()
        x = x.view(batch, 2, channels // 2, height, width).transpose(1, 2).contiguous()
        x = x.view(batch, channels, height, width)
        first, second = x.chunk(2, dim=1)
        x = torch.cat((first, self.last(self.branch(second))), 1)
        return self.head(x.mean((2, 3)))


class Flatten(nn.Module):
    """Features that keep 4x4 pixels, flattened into a linear layer, by one of several ways."""

    def __init__(self, how: str = "flatten") -> None:
        super().__init__()
        self.how = how
        self.features = nn.Sequential(conv(3, 10, stride=2), conv(10, 14, stride=2))
        self.hidden = nn.Linear(14 * 16, 20)
        self.head = nn.Linear(20, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = self.features(x)
        if self.how == "flatten":
            x = x.flatten(1)
        elif self.how == "computed":
            x = x.view(x.size(0), -1)
        elif self.how == "batch of one":
            x = x.view(1, -1)
        else:  # the sizes spelt out: a pruned torch model could not run this
            x = x.view(-1, 14 * 16)
        return self.head(F.relu(self.hidden(x)))


class Dense(nn.Module):
    """Every layer reads all channels made so far, as in DenseNet."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = conv(3, 8)
        self.first = conv(8, 6)
        self.second = conv(14, 6)
        self.norm = nn.BatchNorm2d(20)
        self.head = nn.Linear(20, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        x = torch.cat((x, self.first(x)), 1)
        x = torch.cat((x, self.second(x)), 1)
        return self.head(F.relu(self.norm(x)).mean((2, 3)))


class PaddedShortcut(nn.Module):
    """An identity shortcut padded with zero channels: option A of the CIFAR ResNets."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = conv(3, 8)
        self.inner = conv(8, 16, stride=2)
        self.outer = nn.Conv2d(16, 16, 3, padding=1)
        self.head = nn.Linear(16, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        short = F.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, 4, 4))
        return self.head(F.relu(short + self.outer(self.inner(x))).mean((2, 3)))


class OneOutput(nn.Module):
    """A convolution with a single output (a spatial gate), and one from a single channel."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = conv(3, 12)
        self.gate = nn.Conv2d(12, 1, 3, padding=1)
        self.spread = nn.Conv2d(1, 6, 1)
        self.merge = nn.Conv2d(18, 10, 1)
        self.head = nn.Linear(10, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        gate = self.gate(x)
        x = torch.cat((x * torch.sigmoid(gate), self.spread(gate)), 1)
        return self.head(self.merge(x).mean((2, 3)))


class LayerScale(nn.Module):
    """A ConvNeXt block: LayerNorm, linear layers on channels-last images, layer scale."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 12, 4, stride=4)
        self.depthwise = nn.Conv2d(12, 12, 3, padding=1, groups=12)
        self.norm = nn.LayerNorm(12)
        self.expand = nn.Linear(12, 40)
        self.project = nn.Linear(40, 12)
        self.layer_scale = nn.Parameter(torch.ones(12, 1, 1))
        self.head = nn.Linear(12, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        y = self.norm(self.depthwise(x).permute(0, 2, 3, 1))
        y = self.project(F.gelu(self.expand(y))).permute(0, 3, 1, 2)
        return self.head((x + self.layer_scale * y).mean((2, 3)))


class Tied(nn.Module):
    """One convolution under two names, run twice."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = conv(3, 12)
        self.shared = nn.Conv2d(12, 12, 3, padding=1)
        self.again = self.shared
        self.head = nn.Linear(12, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        x = F.relu(self.again(F.relu(self.shared(x))))
        return self.head(x.mean((2, 3)))


class AuxiliaryHead(nn.Module):
    """A second head that reads an inner layer, in training only."""

    def __init__(self) -> None:
        super().__init__()
        self.first = conv(3, 12)
        self.second = conv(12, 10)
        self.auxiliary = nn.Linear(12 * 9, 5)
        self.head = nn.Linear(10, 5)

    def forward(self, x: Tensor) -> Tensor | tuple[Tensor, Tensor]:
        x = self.first(x)
        other = None
        if self.training:  # 16 pixels into 3: not an ONNX operator
            other = self.auxiliary(F.adaptive_avg_pool2d(x, 3).flatten(1))
        x = self.head(self.second(x).mean((2, 3)))
        return x if other is None else (x, other)


class UnsavedBuffer(nn.Module):
    """A buffer that no state dict holds, across the channels of one layer."""

    def __init__(self) -> None:
        super().__init__()
        self.first = conv(3, 12)
        self.second = conv(12, 10)
        self.register_buffer("gain", torch.linspace(0.5, 1.5, 10).view(1, 10, 1, 1), False)
        self.head = nn.Linear(10, 5)

    def forward(self, x: Tensor) -> Tensor:
        return self.head((self.second(self.first(x)) * self.gain).mean((2, 3)))


class GroupNormed(nn.Module):
    """Channels normalised in groups, behind layers that can be cut."""

    def __init__(self) -> None:
        super().__init__()
        self.first = conv(3, 14)
        self.second = nn.Conv2d(14, 12, 3, padding=1)
        self.norm = nn.GroupNorm(3, 12)
        self.head = nn.Linear(12, 5)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(F.relu(self.norm(self.second(self.first(x)))).mean((2, 3)))


class Transposed(nn.Module):
    """A transposed convolution and PReLU with a slope per channel."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 14, 3, stride=2, padding=1)
        self.slopes = nn.PReLU(14)
        self.up = nn.ConvTranspose2d(14, 10, 2, stride=2)
        self.head = nn.Linear(10, 5)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(F.relu(self.up(self.slopes(self.first(x)))).mean((2, 3)))


class Halves(nn.Module):
    """Two halves by computed bounds, one of them open, and swapped."""

    def __init__(self) -> None:
        super().__init__()
        self.first = conv(3, 16)
        self.left = conv(8, 10)
        self.head = nn.Linear(18, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = self.first(x)
        half = x.shape[1] // 2
        x = torch.cat((x[:, half:, 1:], self.left(x[:, :half])[:, :, 1:]), 1)
        return self.head(x.mean((2, 3)))


class SliceLikeAnother(nn.Module):
    """The first channels of one layer, as many as another layer makes."""

    def __init__(self) -> None:
        super().__init__()
        self.wide = conv(3, 16)
        self.narrow = conv(3, 8)
        self.middle = conv(8, 12)
        self.head = nn.Linear(12, 5)

    def forward(self, x: Tensor) -> Tensor:
        narrow = self.narrow(x)
        x = self.middle(narrow + self.wide(x)[:, : narrow.shape[1]])
        return self.head(x.mean((2, 3)))


class LiteralNorm(nn.Module):
    """LayerNorm with the number of channels in the code: ONNX does not say so, torch insists."""

    def __init__(self) -> None:
        super().__init__()
        self.first = conv(3, 14)
        self.second = conv(14, 12)
        self.scale = nn.Parameter(torch.linspace(0.5, 1.5, 12))
        self.shift = nn.Parameter(torch.zeros(12))
        self.third = conv(12, 10)
        self.head = nn.Linear(10, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = self.second(self.first(x)).permute(0, 2, 3, 1)
        x = F.layer_norm(x, (12,), self.scale, self.shift).permute(0, 3, 1, 2)
        return self.head(self.third(x).mean((2, 3)))


NETS = {
    "residual": Residual,
    "depthwise": Depthwise,
    "grouped": Grouped,
    "squeeze-excite": SqueezeExcite,
    "shuffle": Shuffle,
    "flatten": Flatten,
    "computed view": lambda: Flatten("computed"),
    "view of a batch of one": lambda: Flatten("batch of one"),
    "literal view": lambda: Flatten("literal"),
    "dense": Dense,
    "padded shortcut": PaddedShortcut,
    "one output": OneOutput,
    "layer scale": LayerScale,
    "tied": Tied,
    "auxiliary head": AuxiliaryHead,
    "unsaved buffer": UnsavedBuffer,
    "group norm": GroupNormed,
    "transposed": Transposed,
    "slice like another": SliceLikeAnother,
    "halves": Halves,
    "literal norm": LiteralNorm,
}


def build(name: str) -> nn.Module:
    torch.manual_seed(0)
    return enliven(NETS[name]())


def all_nets() -> Iterator[str]:
    yield from NETS

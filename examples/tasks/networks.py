"""The examples' networks: a U-Net, a YOLO-style detector, a DS-CNN and a small residual network."""

import torch
import torch.nn.functional as F
from torch import nn


def convolution(inputs: int, outputs: int, size: int = 3, stride: int = 1) -> nn.Sequential:
    """A convolution with its batch-norm and ReLU."""
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, size, stride, size // 2, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(),
    )


class UNet(nn.Module):
    """Ronneberger et al. 2015, with three levels: logits of each pixel (N, classes, H, W)."""

    def __init__(self, classes: int = 5, width: int = 12) -> None:
        super().__init__()

        def level(inputs: int, outputs: int) -> nn.Sequential:
            return nn.Sequential(convolution(inputs, outputs), convolution(outputs, outputs))

        self.first, self.second = level(3, width), level(width, 2 * width)
        self.lowest = level(2 * width, 4 * width)
        self.up_second = nn.ConvTranspose2d(4 * width, 2 * width, 2, stride=2)
        self.back_second = level(4 * width, 2 * width)
        self.up_first = nn.ConvTranspose2d(2 * width, width, 2, stride=2)
        self.back_first = level(2 * width, width)
        self.classify = nn.Conv2d(width, classes, 1)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        first = self.first(images)
        second = self.second(F.max_pool2d(first, 2))
        lowest = self.lowest(F.max_pool2d(second, 2))
        second = self.back_second(torch.cat([self.up_second(lowest), second], 1))
        first = self.back_first(torch.cat([self.up_first(second), first], 1))
        return self.classify(first)


class C2f(nn.Module):
    """YOLOv8's block: one half passes, the other goes through bottlenecks, all are joined."""

    def __init__(self, inputs: int, outputs: int, depth: int = 1) -> None:
        super().__init__()
        half = outputs // 2
        self.first = convolution(inputs, 2 * half, 1)
        self.blocks = nn.ModuleList(
            nn.Sequential(convolution(half, half), convolution(half, half)) for _ in range(depth)
        )
        self.last = convolution((2 + depth) * half, outputs, 1)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        parts = list(self.first(images).chunk(2, 1))
        for block in self.blocks:
            parts.append(parts[-1] + block(parts[-1]))
        return self.last(torch.cat(parts, 1))


class SPPF(nn.Module):
    """Pooling over three sizes of surroundings, one after the other."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = convolution(channels, channels // 2, 1)
        self.last = convolution(2 * channels, channels, 1)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        parts = [self.first(images)]
        for _ in range(3):
            parts.append(F.max_pool2d(parts[-1], 5, stride=1, padding=2))
        return self.last(torch.cat(parts, 1))


class Detector(nn.Module):
    """A YOLO-style network: maps (N, 4 + classes, H, W) at strides 4, 8 and 16."""

    def __init__(self, classes: int = 4, width: int = 12) -> None:
        super().__init__()
        self.stem = convolution(3, width, stride=2)
        self.third = nn.Sequential(
            convolution(width, 2 * width, stride=2), C2f(2 * width, 2 * width)
        )
        self.fourth = nn.Sequential(
            convolution(2 * width, 4 * width, stride=2), C2f(4 * width, 4 * width)
        )
        self.fifth = nn.Sequential(
            convolution(4 * width, 8 * width, stride=2), C2f(8 * width, 8 * width), SPPF(8 * width)
        )
        self.back_fourth = C2f(12 * width, 4 * width)
        self.back_third = C2f(6 * width, 2 * width)
        self.heads = nn.ModuleList(
            nn.Sequential(convolution(inputs, inputs), nn.Conv2d(inputs, 4 + classes, 1))
            for inputs in (2 * width, 4 * width, 8 * width)
        )
        for head in self.heads:
            # Most locations have no object: a score of 0.01 is where they start from.
            nn.init.constant_(head[1].bias[4:], -4.6)
            nn.init.constant_(head[1].bias[:4], 1.5)

    def forward(self, images: torch.Tensor) -> list[torch.Tensor]:
        third = self.third(self.stem(images))
        fourth = self.fourth(third)
        fifth = self.fifth(fourth)
        fourth = self.back_fourth(torch.cat([F.interpolate(fifth, scale_factor=2.0), fourth], 1))
        third = self.back_third(torch.cat([F.interpolate(fourth, scale_factor=2.0), third], 1))
        maps = (third, fourth, fifth)
        return [head(one) for head, one in zip(self.heads, maps, strict=True)]


class KeywordNet(nn.Module):
    """DS-CNN for keyword spotting (Zhang et al. 2017): spectrograms (N, 1, frames, bands)."""

    def __init__(self, classes: int = 20, width: int = 64, depth: int = 4) -> None:
        super().__init__()
        layers: list[nn.Module] = [
            nn.Conv2d(1, width, (10, 4), (2, 2), (5, 1), bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU(),
        ]
        for _ in range(depth):
            layers += [
                nn.Conv2d(width, width, 3, padding=1, groups=width, bias=False),
                nn.BatchNorm2d(width),
                nn.ReLU(),
                convolution(width, width, 1),
            ]
        self.features = nn.Sequential(*layers)
        self.classify = nn.Linear(width, classes)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.classify(self.features(images).mean((2, 3)))


class Residual(nn.Module):
    """Two convolutions beside a shortcut."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.branch = nn.Sequential(
            convolution(inputs, outputs, stride=2),
            nn.Conv2d(outputs, outputs, 3, padding=1, bias=False),
            nn.BatchNorm2d(outputs),
        )
        self.shortcut = nn.Conv2d(inputs, outputs, 1, 2)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return F.relu(self.branch(images) + self.shortcut(images))


class GaugeReader(nn.Module):
    """A residual network that gives numbers (N, numbers), about 50 and 11 to begin with."""

    def __init__(self, numbers: int = 2, width: int = 12) -> None:
        super().__init__()
        self.features = nn.Sequential(
            convolution(1, width),
            Residual(width, 2 * width),
            Residual(2 * width, 4 * width),
            Residual(4 * width, 4 * width),
        )
        self.hidden = nn.Linear(4 * width * 16, 4 * width)
        self.last = nn.Linear(4 * width, numbers)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        found = self.features(images).flatten(1)
        return self.last(F.relu(self.hidden(found)))

"""Small networks that tests name as ``tests.models:function``."""

import torch
from torch import nn


class TinyCNN(nn.Module):
    """Three convolutions with a residual pair: 10 classes from 3x32x32 in well under 1 ms."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv2d(3, 16, 3, stride=2, padding=1, bias=False), nn.BatchNorm2d(16), nn.ReLU()
        )
        self.conv1 = nn.Conv2d(16, 24, 3, stride=2, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(24)
        self.conv2 = nn.Conv2d(24, 32, 3, stride=2, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(32)
        self.head = nn.Linear(32, 10)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        features = self.stem(images)
        features = torch.relu(self.bn1(self.conv1(features)))
        features = torch.relu(self.bn2(self.conv2(features)))
        return self.head(features.mean((2, 3)))


def tiny_cnn() -> nn.Module:
    return TinyCNN()


class _Tuple(TinyCNN):
    def forward(self, images: torch.Tensor) -> tuple[torch.Tensor, int]:
        return super().forward(images), 1


def tuple_cnn() -> nn.Module:
    return _Tuple()


class _Broken(TinyCNN):
    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.head(images)


def broken_cnn() -> nn.Module:
    return _Broken()


class _Block(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        inner = torch.relu(self.bn1(self.conv1(features)))
        return torch.relu(features + self.bn2(self.conv2(inner)))


class ResidualCNN(nn.Module):
    """A stem and three residual blocks of 16 channels."""

    def __init__(self, num_classes: int = 10) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 16, 3, stride=4, padding=1)
        self.blocks = nn.Sequential(_Block(16), _Block(16), _Block(16))
        self.head = nn.Linear(16, num_classes)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.head(self.blocks(torch.relu(self.stem(images))).mean((2, 3)))


def residual_cnn() -> nn.Module:
    return ResidualCNN()


def wide_cnn() -> nn.Module:
    """Two wide convolutions: work enough that int8 and pruning both show in milliseconds."""
    return nn.Sequential(
        nn.Conv2d(3, 96, 3, stride=2, padding=1, bias=False),
        nn.BatchNorm2d(96),
        nn.ReLU(),
        nn.Conv2d(96, 192, 3, padding=1, bias=False),
        nn.BatchNorm2d(192),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(192, 10),
    )


class Moody(nn.Module):
    """Its forward looks at the values of its input: tracing keeps one branch."""

    def __init__(self) -> None:
        super().__init__()
        self.net = tiny_cnn()

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        scores: torch.Tensor = self.net(images)
        return scores if float(images.mean()) > 0 else -scores


def stubborn(num_classes: int) -> nn.Module:
    """Three outputs, whatever is asked for."""
    model = TinyCNN()
    model.head = nn.Linear(32, 3)
    return model

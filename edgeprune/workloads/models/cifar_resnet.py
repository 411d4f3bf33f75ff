"""ResNets for 32x32 images (He et al., "Deep Residual Learning", CVPR 2016, section 4.2).

Parameter names are those of akamaster/pytorch_resnet_cifar10, so that its checkpoints load.
"""

import torch
import torch.nn.functional as F
from torch import nn

#: Blocks per stage: the depth is 6n + 2.
DEPTHS = {"resnet20": 3, "resnet32": 5, "resnet44": 7, "resnet56": 9, "resnet110": 18}
_STAGE_CHANNELS = (16, 32, 64)


class PaddedShortcut(nn.Module):
    """Option A: every second pixel, with zero channels on both sides; no parameters."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        before = (out_channels - in_channels) // 2
        self._channels = (before, out_channels - in_channels - before)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """(N, C, H, W) to (N, C', H / 2, W / 2), rounded up."""
        return F.pad(features[:, :, ::2, ::2], (0, 0, 0, 0, *self._channels))


class BasicBlock(nn.Module):
    """Two 3x3 convolutions beside a shortcut."""

    def __init__(self, in_channels: int, channels: int, stride: int, shortcut: str) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, channels, 3, stride=stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.shortcut = nn.Sequential()
        if stride != 1 or in_channels != channels:
            self.shortcut = _shortcut(shortcut, in_channels, channels, stride)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """(N, C, H, W) to (N, C', H / stride, W / stride)."""
        residual = F.relu(self.bn1(self.conv1(features)))
        residual = self.bn2(self.conv2(residual))
        return F.relu(residual + self.shortcut(features))


class CifarResNet(nn.Module):
    """A ResNet of depth 6n + 2 with 16, 32 and 64 channels.

    Args:
        blocks: n, residual blocks per stage.
        num_classes: outputs.
        shortcut: ``A`` pads where the shape changes, as in the paper; ``B`` has a 1x1
            convolution there, and lets the residual stream be cut.
    """

    def __init__(self, blocks: int, num_classes: int = 10, shortcut: str = "A") -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, _STAGE_CHANNELS[0], 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(_STAGE_CHANNELS[0])
        stages = []
        in_channels = _STAGE_CHANNELS[0]
        for channels in _STAGE_CHANNELS:
            stage = []
            for block in range(blocks):
                stride = 2 if block == 0 and channels != _STAGE_CHANNELS[0] else 1
                stage.append(BasicBlock(in_channels, channels, stride, shortcut))
                in_channels = channels
            stages.append(nn.Sequential(*stage))
        self.layer1, self.layer2, self.layer3 = stages
        self.linear = nn.Linear(in_channels, num_classes)
        for module in self.modules():
            if isinstance(module, nn.Conv2d | nn.Linear):
                nn.init.kaiming_normal_(module.weight)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """(N, 3, H, W) images to (N, num_classes) logits."""
        features = F.relu(self.bn1(self.conv1(images)))
        features = self.layer3(self.layer2(self.layer1(features)))
        pooled: torch.Tensor = F.adaptive_avg_pool2d(features, 1).flatten(1)
        logits: torch.Tensor = self.linear(pooled)
        return logits


def _shortcut(kind: str, in_channels: int, channels: int, stride: int) -> nn.Sequential:
    if kind == "A":
        return nn.Sequential(PaddedShortcut(in_channels, channels))
    return nn.Sequential(
        nn.Conv2d(in_channels, channels, 1, stride=stride, bias=False), nn.BatchNorm2d(channels)
    )

"""MobileNet V1 for 32x32 images (Howard et al., "MobileNets", 2017, table 1).

The paper's stem and first stages halve a 224-pixel image five times; at 32 pixels the stem keeps
the resolution, and four halvings leave 2x2.
"""

import torch
import torch.nn.functional as F
from torch import nn

from edgeprune.errors import WorkloadError

#: Output channels and stride of each block.
_BLOCKS = (
    (64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2),
    (512, 1), (512, 1), (512, 1), (512, 1), (512, 1), (1024, 2), (1024, 1),
)  # fmt: skip
_STEM_CHANNELS = 32


class SeparableBlock(nn.Module):
    """A depthwise 3x3 convolution, then a pointwise one."""

    def __init__(self, in_channels: int, out_channels: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(
            in_channels, in_channels, 3, stride=stride, padding=1, groups=in_channels, bias=False
        )
        self.bn1 = nn.BatchNorm2d(in_channels)
        self.conv2 = nn.Conv2d(in_channels, out_channels, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(out_channels)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """(N, C, H, W) to (N, C', H / stride, W / stride)."""
        features = F.relu(self.bn1(self.conv1(features)))
        return F.relu(self.bn2(self.conv2(features)))


class MobileNetV1(nn.Module):
    """13 depthwise-separable blocks.

    Args:
        num_classes: outputs.
        width: the paper's multiplier of all channel counts, above 0.
    """

    def __init__(self, num_classes: int = 10, width: float = 1.0) -> None:
        super().__init__()
        if not 0 < width <= 8:
            msg = f"workload.model.args.width is {width!r}; allowed: above 0, at most 8"
            raise WorkloadError(msg)
        in_channels = _scaled(_STEM_CHANNELS, width)
        self.conv1 = nn.Conv2d(3, in_channels, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(in_channels)
        blocks = []
        for channels, stride in _BLOCKS:
            blocks.append(SeparableBlock(in_channels, _scaled(channels, width), stride))
            in_channels = _scaled(channels, width)
        self.layers = nn.Sequential(*blocks)
        self.linear = nn.Linear(in_channels, num_classes)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """(N, 3, H, W) images to (N, num_classes) logits."""
        features = self.layers(F.relu(self.bn1(self.conv1(images))))
        pooled: torch.Tensor = F.adaptive_avg_pool2d(features, 1).flatten(1)
        logits: torch.Tensor = self.linear(pooled)
        return logits


def _scaled(channels: int, width: float) -> int:
    return max(8, round(channels * width))

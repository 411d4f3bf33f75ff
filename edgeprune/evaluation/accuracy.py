"""Top-1 accuracy of a torch model."""

from typing import TYPE_CHECKING

import torch
from torch import nn

if TYPE_CHECKING:
    from edgeprune.workloads import Split


def accuracy(model: nn.Module, split: "Split", *, batch_size: int = 128) -> float:
    """Share of a split's images whose largest output is their label.

    Args:
        model: in eval mode.
        split: every image counts once.
        batch_size: images per forward pass.

    Returns:
        Accuracy, 0 to 1.
    """
    # Weights near zero make denormal numbers, and a CPU takes ten times as long for those.
    torch.set_flush_denormal(True)
    correct = 0
    with torch.inference_mode():
        for images, labels in split.batches(batch_size):
            correct += int((model(images).argmax(1) == labels).sum())
    return correct / len(split)

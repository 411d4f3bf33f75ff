"""A network whose arrays are told apart by their values."""

import copy

import torch
from torch import nn


def tagged(model: nn.Module) -> nn.Module:
    """A copy with random weights and statistics, the same in every process.

    All are positive, as a variance has to be; no two arrays are equal.

    Args:
        model: of the architecture; left untouched.
    """
    found = copy.deepcopy(model).eval()
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for tensor in [*found.parameters(), *found.buffers()]:
            if tensor.is_floating_point():
                tensor.copy_(torch.rand(tensor.shape, generator=generator) + 0.5)
    return found

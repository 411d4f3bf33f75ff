"""Input patches of a convolution or linear layer, at sampled output positions."""

from typing import Any, TypeAlias

import torch
import torch.nn.functional as F
from torch import nn

Mixer: TypeAlias = nn.Conv2d | nn.Linear


def mixer(model: nn.Module, name: str) -> Mixer:
    """The convolution or linear layer of that name."""
    layer = model.get_submodule(name)
    if not isinstance(layer, nn.Conv2d | nn.Linear):
        msg = f"{name} is a {type(layer).__name__}, not a convolution or linear layer"
        raise TypeError(msg)
    return layer


def columns_of(layer: Mixer) -> int:
    """Length of one patch: the number of weights behind each output channel."""
    return layer.weight[0].numel()


def geometry(layer: Mixer) -> tuple[Any, ...]:
    """Everything besides the input that decides what a layer's patches are."""
    if isinstance(layer, nn.Linear):
        return ("linear",)
    return (layer.kernel_size, layer.stride, layer.padding, layer.dilation, layer.padding_mode)


def sample_patches(
    layer: Mixer, inputs: torch.Tensor, points: int, generator: torch.Generator
) -> torch.Tensor:
    """The patches that produce `points` outputs of each image, at random positions.

    Args:
        layer: a convolution with one group, or a linear layer.
        inputs: what the layer was called with: (N, C, H, W), or (N, ..., features) if linear.
        points: patches per image; at least as many as there are positions means all of them,
            each once.
        generator: draws the positions.

    Returns:
        (N * points, columns) in the inputs' dtype, columns in the order of ``weight.flatten(1)``.
    """
    if isinstance(layer, nn.Linear):
        rows = inputs.flatten(1, -2) if inputs.dim() > 2 else inputs.unsqueeze(1)
        chosen = _choose(len(rows), rows.shape[1], points, generator)
        return rows[torch.arange(len(rows)).unsqueeze(1), chosen].flatten(0, 1)
    (kernel_y, kernel_x), (dilation_y, dilation_x) = _pair(layer.kernel_size), _pair(layer.dilation)
    stride_y, stride_x = _pair(layer.stride)
    padded = _pad(layer, inputs)
    height = (padded.shape[2] - dilation_y * (kernel_y - 1) - 1) // stride_y + 1
    width = (padded.shape[3] - dilation_x * (kernel_x - 1) - 1) // stride_x + 1
    chosen = _choose(len(inputs), height * width, points, generator)
    top, left = chosen // width * stride_y, chosen % width * stride_x
    patches = padded.permute(0, 2, 3, 1)[
        torch.arange(len(inputs)).view(-1, 1, 1, 1),
        top[..., None, None] + dilation_y * torch.arange(kernel_y).view(-1, 1),
        left[..., None, None] + dilation_x * torch.arange(kernel_x),
    ]
    return patches.flatten(0, 1).permute(0, 3, 1, 2).flatten(1)


def _choose(images: int, available: int, points: int, generator: torch.Generator) -> torch.Tensor:
    """(images, points) positions; without repeats when that costs nothing."""
    if points >= available:
        return torch.arange(available).expand(images, available)
    return torch.randint(available, (images, points), generator=generator)


def _pad(layer: nn.Conv2d, inputs: torch.Tensor) -> torch.Tensor:
    kernel, dilation = _pair(layer.kernel_size), _pair(layer.dilation)
    if layer.padding == "valid":
        return inputs
    if layer.padding == "same":
        total = [d * (k - 1) for d, k in zip(dilation, kernel, strict=True)]
        before = [amount // 2 for amount in total]
        after = [amount - half for amount, half in zip(total, before, strict=True)]
    else:
        before = after = [int(amount) for amount in layer.padding]
    edges = (before[1], after[1], before[0], after[0])
    if not any(edges):
        return inputs
    return F.pad(inputs, edges, "constant" if layer.padding_mode == "zeros" else layer.padding_mode)


def _pair(value: tuple[int, ...]) -> tuple[int, int]:
    return value[0], value[1]

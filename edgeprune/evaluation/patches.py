"""Input patches of a convolution or linear layer, at sampled output positions."""

import math
from typing import Any, TypeAlias

import torch
import torch.nn.functional as F
from torch import nn

Convolution: TypeAlias = nn.Conv1d | nn.Conv2d | nn.Conv3d
Mixer: TypeAlias = Convolution | nn.Linear


def mixer(model: nn.Module, name: str) -> Mixer:
    """The convolution or linear layer of that name."""
    layer = model.get_submodule(name)
    if not isinstance(layer, Mixer):
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
        inputs: what the layer was called with: (N, C, ...), or (N, ..., features) if linear.
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
    padded = _pad(layer, inputs)
    axes = list(zip(layer.kernel_size, layer.dilation, layer.stride, strict=True))
    sizes = [
        (size - dilation * (kernel - 1) - 1) // stride + 1
        for size, (kernel, dilation, stride) in zip(padded.shape[2:], axes, strict=True)
    ]
    chosen = _choose(len(inputs), math.prod(sizes), points, generator)
    ones = [1] * len(axes)
    where = [torch.arange(len(inputs)).view(-1, 1, *ones)]
    for axis, (kernel, dilation, stride) in enumerate(axes):
        first = chosen // math.prod(sizes[axis + 1 :]) % sizes[axis] * stride
        inside = dilation * torch.arange(kernel)
        where.append(first.view(*first.shape, *ones) + inside.view(-1, *ones[axis + 1 :]))
    patches = padded.movedim(1, -1)[tuple(where)]
    return patches.flatten(0, 1).movedim(-1, 1).flatten(1)


def _choose(images: int, available: int, points: int, generator: torch.Generator) -> torch.Tensor:
    """(images, points) positions; without repeats when that costs nothing."""
    if points >= available:
        return torch.arange(available).expand(images, available)
    return torch.randint(available, (images, points), generator=generator)


def _pad(layer: Convolution, inputs: torch.Tensor) -> torch.Tensor:
    kernel, dilation = layer.kernel_size, layer.dilation
    if layer.padding == "valid":
        return inputs
    if layer.padding == "same":
        total = [d * (k - 1) for d, k in zip(dilation, kernel, strict=True)]
        before = [amount // 2 for amount in total]
        after = [amount - half for amount, half in zip(total, before, strict=True)]
    else:
        before = after = [int(amount) for amount in layer.padding]
    edges = [edge for pair in zip(before[::-1], after[::-1], strict=True) for edge in pair]
    if not any(edges):
        return inputs
    return F.pad(inputs, edges, "constant" if layer.padding_mode == "zeros" else layer.padding_mode)

"""Inputs and targets of single images as those of a batch, and the classes that these are."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch

from edgeprune.errors import WorkloadError
from edgeprune.tasks import Targets
from edgeprune.tensors import Inputs, flattened_inputs


def stacked(inputs: Sequence[Inputs], names: Sequence[str]) -> Inputs:
    """The inputs of a batch, in the form of a single one.

    Args:
        inputs: of N images, in their order; at least one.
        names: what messages call those images.

    Raises:
        WorkloadError: they have different forms or shapes.
    """
    shapes = [{key: tuple(t.shape) for key, t in flattened_inputs(one).items()} for one in inputs]
    for name, one in zip(names, shapes, strict=True):
        if one != shapes[0]:
            msg = (
                f"the input of {name} has {one}, that of {names[0]} {shapes[0]}; allowed: one "
                "form for all"
            )
            raise WorkloadError(msg)
    first = inputs[0]
    if isinstance(first, torch.Tensor):
        return torch.stack([one for one in inputs if isinstance(one, torch.Tensor)])
    rows = [list(flattened_inputs(one).values()) for one in inputs]
    tensors = [torch.stack(column) for column in zip(*rows, strict=True)]
    return dict(zip(first, tensors, strict=True)) if isinstance(first, Mapping) else tuple(tensors)


def collated(targets: Sequence[Any], names: Sequence[str]) -> Targets:
    """The targets of a batch.

    Numbers and tensors (or arrays) are stacked: integers become int64, others float32. Anything
    else, such as the boxes of each image, comes as a list.

    Args:
        targets: of N images, in their order; at least one.
        names: what messages call those images.

    Returns:
        A tensor (N, ...), or the list.

    Raises:
        WorkloadError: tensors have different shapes, or a number is not finite.
    """
    if not all(_is_number(one) or isinstance(one, torch.Tensor | np.ndarray) for one in targets):
        return list(targets)
    tensors = [_tensor(one) for one in targets]
    for name, one in zip(names, tensors, strict=True):
        if one.shape != tensors[0].shape:
            msg = (
                f"the target of {name} has the shape {tuple(one.shape)}, that of {names[0]} "
                f"{tuple(tensors[0].shape)}; allowed: one shape for all, or a dict of tensors "
                "for each image, such as {'boxes': ..., 'labels': ...}"
            )
            raise WorkloadError(msg)
        if not one.isfinite().all():
            msg = f"the target of {name} holds NaN or infinite numbers; allowed: finite numbers"
            raise WorkloadError(msg)
    if any(one.is_floating_point() for one in tensors):
        tensors = [one.float() for one in tensors]
    return torch.stack(tensors)


def class_of(target: Any) -> int | None:
    """The class that a target is; None for one that is no class: a mask, boxes, a float."""
    if _is_number(target) or (isinstance(target, torch.Tensor | np.ndarray) and target.ndim == 0):
        tensor = _tensor(target)
        return None if tensor.is_floating_point() else int(tensor)
    return None


def _is_number(target: Any) -> bool:
    return isinstance(target, int | float | np.number)


def _tensor(target: Any) -> torch.Tensor:
    tensor = torch.as_tensor(target)
    return tensor.float() if tensor.is_floating_point() else tensor.long()

"""The one example that a space is read from."""

import torch

from edgeprune.errors import FormError, SpaceError
from edgeprune.tensors import Inputs, flattened_inputs, map_inputs


def one_example(inputs: Inputs, batch_axis: int | None = 0) -> Inputs:
    """The first example of a batch.

    Args:
        inputs: of any form and rank. Those that are as long as the first one on the batch axis
            are a batch; others are given with every example.
        batch_axis: on which examples stand; None: it is one example.

    Raises:
        SpaceError: there are no tensors or no numbers in it, or the model cannot be given them.
    """
    try:
        given = flattened_inputs(inputs)
    except FormError as error:
        msg = f"the example input cannot be used: {error}"
        raise SpaceError(msg) from error
    for name, one in given.items():
        of = "the example input" if len(given) == 1 else f"the example input {name!r}"
        if one.numel() == 0 or one.dtype not in (torch.float32, torch.int64, torch.bool):
            msg = (
                f"{of} is {one.dtype} of shape {tuple(one.shape)}; allowed: float32 (int64 for "
                f"indices, bool for masks) with at least one example"
            )
            raise SpaceError(msg)
    first = next(iter(given.values()))
    if batch_axis is None:
        return map_inputs(inputs, torch.Tensor.detach)
    if not 0 <= batch_axis < first.ndim:
        msg = (
            f"the batch axis is {batch_axis}, and the example input has shape "
            f"{tuple(first.shape)}; allowed: one of its axes, or None"
        )
        raise SpaceError(msg)
    axis, size = batch_axis, first.shape[batch_axis]

    def cut(one: torch.Tensor) -> torch.Tensor:
        batched = one.ndim > axis and one.shape[axis] == size
        return (one.narrow(axis, 0, 1) if batched else one).detach()

    return map_inputs(inputs, cut)

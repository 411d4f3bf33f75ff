"""The way back from a pruned model to its base's architecture, so that a next plan can cut it."""

import copy
from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import nn

from edgeprune.pruning.edits import Edit, removed_by

if TYPE_CHECKING:
    from edgeprune.pruning.plan import Plan


def expand(pruned: nn.Module, plan: "Plan", base: nn.Module) -> nn.Module:
    """A model of the base's architecture that computes what a pruned one computes.

    What the plan kept has the pruned model's weights; the parameters of what it cut, removed
    branches included, are zero. A plan of the base that keeps no more than this one cuts it
    further, whatever was trained in between.

    Args:
        pruned: made by the plan, with any weights; left untouched.
        plan: of `base`.
        base: of the architecture that the plan was made for; left untouched.

    Returns:
        A new model in the pruned one's mode. Its answers are the pruned one's, unless a
        normalisation takes its statistics over channels of which some were cut.

    Raises:
        SpaceError: `base` has another architecture than the plan was made for.
    """
    plan.check(base)
    expanded = copy.deepcopy(base).train(pruned.training)
    removed = removed_by(plan.edits)
    own = dict(pruned.named_parameters(remove_duplicate=False))
    own |= dict(pruned.named_buffers(remove_duplicate=False))
    names = [name for name, _ in expanded.named_parameters(remove_duplicate=False)]
    buffers = [name for name, _ in expanded.named_buffers(remove_duplicate=False)]
    tensors = {**expanded.state_dict(keep_vars=True)}
    with torch.no_grad():
        for name in (*names, *buffers):
            tensor = tensors.get(name)
            if tensor is None:
                continue  # a buffer that is no state holds no weights
            if name in names and (removed(name) or name in plan.slices):
                tensor.zero_()
            if not removed(name):
                _put(tensor, own[_name_now(name, plan.edits)], plan.slices.get(name, {}))
    return expanded


def _put(tensor: torch.Tensor, kept: torch.Tensor, axes: dict[int, tuple[int, ...]]) -> None:
    """Write a cut tensor to the positions it was cut from."""
    if not axes:
        tensor.copy_(kept)
        return
    index = [torch.arange(size) for size in tensor.shape]
    for axis, positions in axes.items():
        index[axis] = torch.tensor(positions)
    tensor[torch.meshgrid(*index, indexing="ij")] = kept.to(tensor)


def _name_now(name: str, edits: Sequence[Edit]) -> str:
    """What a tensor of the base is called in the pruned model: narrowed modules are wrapped."""
    for edit in edits:
        if edit.kind == "narrow" and name.startswith(f"{edit.name}."):
            return f"{edit.name}.inner{name[len(edit.name) :]}"
    return name

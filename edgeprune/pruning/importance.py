"""How much each unit of a channel group matters: the criteria that choose which channels stay.

Every criterion scores the weights of each layer of a group by itself, then combines the layers:
a layer's scores are divided by their mean over the group's units, and a unit's importance is the
mean over the layers. So a layer with large weights, or with many, counts no more than another.
The layers of a group are all its convolutions and linear layers, those that make the channels
(cut on the output axis) and those that read them (cut on the input axis); biases do not count.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from edgeprune.errors import SpaceError, nearest
from edgeprune.pruning.groups import ChannelGroup, Member
from edgeprune.tensors import Inputs, call

Scores: TypeAlias = NDArray[np.float64]
#: Images (N, C, H, W) float32 and their targets, such as labels (N,) int64.
Batches: TypeAlias = Iterable[tuple[Inputs, Any]]
#: Of a model's outputs and the targets.
Loss: TypeAlias = Callable[[Any, Any], torch.Tensor]
Tensors: TypeAlias = Mapping[str, torch.Tensor]

CRITERIA = ("l1", "l2", "fpgm", "bn_scale", "taylor")


def importance(
    criterion: str,
    groups: Sequence[ChannelGroup],
    model: nn.Module,
    batches: Batches | None = None,
    loss: Loss = nn.functional.cross_entropy,
) -> dict[str, Scores]:
    """Score every unit of some groups.

    Args:
        criterion: ``l1`` (sum of absolute weights; Li et al., ICLR'17), ``l2`` (Euclidean norm),
            ``fpgm`` (sum of distances to the layer's other filters; He et al., CVPR'19, sec. 3.3),
            ``bn_scale`` (absolute batch-norm scales; Liu et al., ICCV'17; ``l1`` for groups
            without batch normalisation) or ``taylor`` (squared sum of weight times gradient of
            the loss; Molchanov et al., CVPR'19, eq. 8).
        groups: the groups to score.
        model: the base model; neither its weights nor its gradients are touched.
        batches: labelled images; needed, and used, by ``taylor`` only.
        loss: whose gradient that takes.

    Returns:
        Per group a float64 array (units,), larger is more important, 1 on average.

    Raises:
        SpaceError: the criterion is unknown, or its images are missing.
    """
    if criterion not in CRITERIA:
        msg = f"importance {criterion!r} is unknown; allowed: {', '.join(CRITERIA)}"
        raise SpaceError(msg + nearest(criterion, CRITERIA))
    weights = {name: one.detach() for name, one in model.state_dict().items()}
    if criterion == "bn_scale":
        norms = _batch_norm_scales(model)
        return {group.name: _bn_scale(group, weights, norms) for group in groups}
    if criterion == "taylor":
        if batches is None:
            msg = "importance 'taylor' needs labelled images: importance('taylor', batches)"
            raise SpaceError(msg)
        return _taylor(groups, model, batches, loss)
    measure = {"l1": l1, "l2": l2, "fpgm": fpgm}[criterion]
    return {group.name: _combined(group, weights, measure) for group in groups}


def reader_norms(group: ChannelGroup, weights: Tensors) -> Scores:
    """Absolute weights of the layers that read a group, summed for each unit and unscaled.

    What BOCR compares layers by (ECCV 2022, released code); unlike `importance`, it also tells
    groups apart whose layers have larger weights.

    Args:
        group: one channel group.
        weights: the model's state.

    Returns:
        float64 (units,).
    """
    readers = [one for one in layer_members(group) if one.axis == 1]
    return sum((l1(weights[one.parameter], one) for one in readers), np.zeros(group.units))


def layer_members(group: ChannelGroup) -> list[Member]:
    """The members that are weights of convolutions or linear layers."""
    return [one for one in group.members if one.weights]


def l1(weight: torch.Tensor, member: Member) -> Scores:
    """Sum of the absolute weights of each unit."""
    return _by_unit(_rows(weight, member).abs().sum(1), member)


def l2(weight: torch.Tensor, member: Member) -> Scores:
    """Euclidean norm of the weights of each unit."""
    return np.sqrt(_by_unit(_rows(weight, member).square().sum(1), member))


def fpgm(weight: torch.Tensor, member: Member) -> Scores:
    """Sum of the distances of each unit's weights to all other units'; near the median is low."""
    rows = _rows(weight, member)
    positions = torch.from_numpy(member.positions)
    units = rows[positions].reshape(len(positions), -1)
    return torch.cdist(units, units).sum(1).double().numpy()


def _combined(
    group: ChannelGroup, weights: Tensors, measure: Callable[[torch.Tensor, Member], Scores]
) -> Scores:
    members = layer_members(group)
    return _mean([measure(weights[one.parameter], one) for one in members], group)


def _mean(layers: Sequence[Scores], group: ChannelGroup) -> Scores:
    total = np.zeros(group.units)
    for scores in layers:
        mean = scores.mean()
        total += scores / mean if mean > 0 else 1.0  # a layer of zeros tells nothing
    return total / max(len(layers), 1)


def _bn_scale(group: ChannelGroup, weights: Tensors, norms: set[str]) -> Scores:
    members = [one for one in group.members if one.parameter in norms]
    if not members:
        return _combined(group, weights, l1)
    scales = [_by_unit(weights[one.parameter].abs(), one) for one in members]
    return _mean(scales, group)


def _batch_norm_scales(model: nn.Module) -> set[str]:
    kinds = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)
    return {f"{name}.weight" for name, one in model.named_modules() if isinstance(one, kinds)}


def _taylor(
    groups: Sequence[ChannelGroup], model: nn.Module, batches: Batches, loss: Loss
) -> dict[str, Scores]:
    parameters = dict(model.named_parameters(remove_duplicate=False))
    chosen = {
        one.parameter: parameters[one.parameter] for group in groups for one in layer_members(group)
    }
    # Frozen weights have gradients, too, while we look; their flag is put back afterwards.
    frozen = [one for one in chosen.values() if not one.requires_grad]
    sums: dict[str, list[Scores]] = {}
    count = 0
    try:
        for one in frozen:
            one.requires_grad_(True)
        for images, targets in batches:
            harm = loss(call(model, images), targets)
            gradients = torch.autograd.grad(harm, list(chosen.values()), allow_unused=True)
            products = {
                name: torch.zeros_like(weight) if gradient is None else weight.detach() * gradient
                for (name, weight), gradient in zip(chosen.items(), gradients, strict=True)
            }
            count += 1
            for group in groups:
                found = [
                    np.square(_by_unit(_rows(products[one.parameter], one).sum(1), one))
                    for one in layer_members(group)
                ]
                before = sums.get(group.name)
                sums[group.name] = found if before is None else _added(before, found)
    finally:
        for one in frozen:
            one.requires_grad_(False)
    if not count:
        msg = "importance 'taylor' got no images"
        raise SpaceError(msg)
    return {group.name: _mean(sums[group.name], group) for group in groups}


def _added(first: list[Scores], second: list[Scores]) -> list[Scores]:
    return [one + other for one, other in zip(first, second, strict=True)]


def _rows(weight: torch.Tensor, member: Member) -> torch.Tensor:
    """The weights with the member's axis first and the others flattened."""
    return weight.movedim(member.axis, 0).flatten(1)


def _by_unit(values: torch.Tensor, member: Member) -> Scores:
    """Sums of a value per position over the positions of each unit."""
    scores: Scores = values.double().numpy()[member.positions].sum(1)
    return scores

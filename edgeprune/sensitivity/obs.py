"""Which channels to keep, by what the layers that read them cannot make up for."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import nn

from edgeprune.evaluation.least_squares import RIDGE, Reconstruction
from edgeprune.evaluation.patches import mixer
from edgeprune.pruning.importance import Scores, layer_members
from edgeprune.sensitivity.elimination import Reader, eliminate

if TYPE_CHECKING:
    from edgeprune.pruning import ChannelGroup, ChannelSpace


@dataclass(frozen=True)
class ObsImportance:
    """What the eliminations of all groups show.

    Attributes:
        scores: importance of every unit of every free group, float64 (units,), 1 on average; fits
            `ChannelSpace.plan`.
        errors: per group float64 (units + 1,): the part of its readers' outputs that is lost with
            so many units kept, in the best choice found and refitted; 1 at most for each reader,
            and the mean over them. Groups without such readers are missing.
        fallback: the groups that are missing, whose scores are ``l1``.
    """

    scores: dict[str, Scores]
    errors: dict[str, Scores]
    fallback: tuple[str, ...]


def obs_scores(
    space: "ChannelSpace", model: nn.Module, reconstruction: Reconstruction
) -> ObsImportance:
    """Score all units by backward elimination in the layers that read them.

    Every reader counts alike, by the share of its output's variance that is lost. Readers are the
    layers that least squares can refit; the others of a group have no say.

    Args:
        space: the model's channel groups.
        model: the base model, in eval mode.
        reconstruction: of the same model; its moments are gathered if they are not yet.
    """
    scores = space.importance("l1")
    errors: dict[str, Scores] = {}
    for group in space.free:
        readers = _readers(group, model, reconstruction)
        if not readers:
            continue
        try:
            found = eliminate(readers)
        except ValueError:  # a Gram matrix of too few or broken images
            continue
        scores[group.name] = found.scores
        errors[group.name] = found.errors / len(readers)
    missing = tuple(group.name for group in space.free if group.name not in errors)
    return ObsImportance(scores, errors, missing)


def _readers(
    group: "ChannelGroup", model: nn.Module, reconstruction: Reconstruction
) -> list[Reader]:
    found = []
    for member in layer_members(group):
        name = member.parameter.removesuffix(".weight")
        if member.axis != 1 or name not in reconstruction.consumers:
            continue
        weight = mixer(model, name).weight.detach().double()
        taps = weight[0, 0].numel()
        columns = torch.from_numpy(member.positions).unsqueeze(2) * taps + torch.arange(taps)
        weight = weight.flatten(1)
        gram = reconstruction.gram(name).double()
        energy = (weight @ gram).mul_(weight).sum(1)
        total = float(energy.sum())
        if not 0 < total < float("inf"):  # a dead layer tells nothing
            continue
        gram.diagonal().add_(RIDGE * gram.diagonal().mean())
        found.append(Reader(gram, weight / total**0.5, columns.flatten(1)))
    return found

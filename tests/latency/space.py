"""A real network's channel space, for tests that need ONNX files of any widths."""

from functools import cache

import torch

from edgeprune.config import ModelConfig
from edgeprune.latency import PrunableNet
from edgeprune.pruning import ChannelSpace
from edgeprune.workloads import build_model


@cache
def space_of(name: str, size: int = 32) -> ChannelSpace:
    """Random weights: latency does not depend on them."""
    torch.manual_seed(0)
    model = build_model(ModelConfig(name=name))
    return ChannelSpace.from_model(model, torch.randn(1, 3, size, size), check=False)


def net_of(space: ChannelSpace) -> PrunableNet:
    return PrunableNet(space.template.base, space.layer_costs, space.full)


def candidate_of(space: ChannelSpace, widths: dict[str, int]) -> bytes:
    return space.template.candidate(space.slice_state(space.plan(widths)))

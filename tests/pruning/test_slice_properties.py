"""Any plan of a small network: torch and ONNX agree, and predicted sizes are the true ones."""

from collections.abc import Callable
from functools import cache

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from edgeprune.pruning import ChannelSpace
from tests.models import residual_cnn, tiny_cnn, wide_cnn
from tests.pruning.nets import build, enliven
from tests.pruning.promises import counted, onnx_output, output, relative_difference

TOLERANCE = 1e-4


def depthwise_cnn() -> nn.Module:
    """With convolutions whose number of groups changes with the plan."""
    return build("depthwise")


NETWORKS: list[Callable[[], nn.Module]] = [tiny_cnn, residual_cnn, wide_cnn, depthwise_cnn]


@cache
def _opened(network: Callable[[], nn.Module]) -> tuple[nn.Module, ChannelSpace]:
    torch.manual_seed(0)
    model = enliven(network())
    space = ChannelSpace.from_model(model, torch.randn(1, 3, 32, 32), min_keep=0.01)
    # What does not agree is fixed when a space is opened: then a plan would cut nothing.
    assert [group.fixed for group in space.groups if group.fixed] == ["the model's output"]
    return model, space


@st.composite
def widths_of(draw: st.DrawFn, space: ChannelSpace) -> dict[str, int]:
    """Any allowed widths, with or without each branch."""
    found = {
        group: draw(st.sampled_from([one for one in allowed if one]))
        for group, allowed in space.choices.items()
    }
    for branch in space.branches:
        if draw(st.booleans()):
            found |= dict.fromkeys(branch.groups, 0)
    return found


@pytest.mark.parametrize("network", NETWORKS)
@settings(max_examples=12)
@given(st.data(), st.integers(0, 2**32 - 1))
def test_a_plan_makes_the_same_network_in_torch_and_in_onnx(
    network: Callable[[], nn.Module], data: st.DataObject, seed: int
) -> None:
    model, space = _opened(network)
    widths = data.draw(widths_of(space))
    # Which channels stay is as random as how many do.
    generator = np.random.default_rng(seed)
    scores = {group.name: generator.random(group.units) for group in space.free}
    plan = space.plan(widths, scores=scores)
    assert plan.widths == widths
    for group in space.free:
        kept, stays = plan.kept[group.name], widths[group.name] // group.unit
        assert len(kept) == stays and list(kept) == sorted(set(kept))
        left = np.delete(scores[group.name], list(kept))
        assert not stays or not left.size or scores[group.name][list(kept)].min() >= left.max()

    pruned = plan.apply(model)
    images = torch.from_numpy(generator.standard_normal((3, 3, 32, 32)).astype(np.float32))
    expected = output(pruned, images)
    state = space.slice_state(plan)
    assert relative_difference(onnx_output(space.template.candidate(state), images), expected) <= (
        TOLERANCE
    )
    assert counted(pruned, images[:1]) == (space.macs(widths), space.params(widths))
    own = pruned.state_dict()
    assert list(own) == list(state)
    for name, tensor in own.items():
        assert state.shape(name) == tuple(tensor.shape) and torch.equal(state[name], tensor)


@pytest.mark.parametrize("network", NETWORKS)
def test_the_full_plan_changes_nothing(network: Callable[[], nn.Module]) -> None:
    model, space = _opened(network)
    images = torch.randn(2, 3, 32, 32)
    plan = space.plan(space.full)
    assert not plan.slices and not plan.edits
    assert torch.equal(output(plan.apply(model), images), output(model, images))

"""A converted TFLite file, sliced as its network is."""

import numpy as np
import pytest
import torch

from edgeprune import ChannelSpace
from edgeprune.export.tflite_slicing import TfliteSlicer, tagged
from edgeprune.quantization.tflite_running import TfliteFile

pytest.importorskip("ai_edge_litert", reason="the extra `tflite` is not installed")

from hand_converted import Net, converted


@pytest.fixture(scope="module")
def net() -> Net:
    torch.manual_seed(0)
    found = Net().eval()
    for module in found.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_var.uniform_(0.5, 2)
            module.running_mean.uniform_(-1, 1)
    return found


@pytest.fixture(scope="module")
def space(net: Net) -> ChannelSpace:
    return ChannelSpace.from_model(net, torch.zeros(1, 3, 12, 12))


@pytest.fixture(scope="module")
def slicer(net: Net, space: ChannelSpace) -> TfliteSlicer:
    marked = tagged(net)
    return TfliteSlicer(space.template.candidate(marked.state_dict()), converted(marked))


def difference(
    space: ChannelSpace, slicer: TfliteSlicer, net: Net, widths: dict[str, int]
) -> float:
    """Largest difference to torch, as a share of the largest output."""
    plan = space.plan(widths)
    images = torch.randn(3, 3, 12, 12, generator=torch.Generator().manual_seed(1))
    pruned = plan.apply(net)
    file = slicer.slice(space.template.candidate(pruned.state_dict(), plan.widths))
    with torch.inference_mode():
        expected = pruned(images).numpy()
    return float(np.abs(TfliteFile(file)(images.numpy()) - expected).max() / np.abs(expected).max())


def test_the_uncut_file_computes_what_torch_does(
    net: Net, space: ChannelSpace, slicer: TfliteSlicer
) -> None:
    assert difference(space, slicer, net, space.full) <= 1e-5


def test_cut_channels(net: Net, space: ChannelSpace, slicer: TfliteSlicer) -> None:
    generator = np.random.default_rng(0)
    for _ in range(5):
        widths = {
            name: int(generator.choice([one for one in choices if one]))
            for name, choices in space.choices.items()
        }
        assert difference(space, slicer, net, widths) <= 1e-5


def test_removed_blocks(net: Net, space: ChannelSpace, slicer: TfliteSlicer) -> None:
    assert len(space.branches) == 3
    for gone in (space.branches[:1], space.branches[1:], space.branches):
        widths = {name: choices[-2] for name, choices in space.choices.items()}
        widths |= {group: 0 for branch in gone for group in branch.groups}
        assert difference(space, slicer, net, widths) <= 1e-5

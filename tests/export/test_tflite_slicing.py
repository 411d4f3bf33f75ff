"""A converted TFLite file, sliced as its network is."""

import numpy as np
import pytest
import torch

from edgeprune import ChannelSpace
from edgeprune.devices.tflite_file import code_index, dump_tflite, load_tflite
from edgeprune.errors import SlicingError
from edgeprune.export.tflite_slicing import TfliteSlicer, tagged
from edgeprune.quantization.tflite_graph import read_tflite
from edgeprune.quantization.tflite_precisions import to_tflite_float16
from edgeprune.quantization.tflite_running import TfliteFile

pytest.importorskip("ai_edge_litert", reason="the extra `tflite` is not installed")

from ai_edge_litert import schema_py_generated as schema

from tests.export.hand_converted import Net, converted


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


def widths_of(space: ChannelSpace, seed: int) -> dict[str, int]:
    """Random widths; no branch goes."""
    generator = np.random.default_rng(seed)
    return {
        name: int(generator.choice([one for one in choices if one]))
        for name, choices in space.choices.items()
    }


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
    return float(
        np.abs(TfliteFile(file)(images.numpy())[0] - expected).max() / np.abs(expected).max()
    )


def test_the_uncut_file_computes_what_torch_does(
    net: Net, space: ChannelSpace, slicer: TfliteSlicer
) -> None:
    assert difference(space, slicer, net, space.full) <= 1e-5


@pytest.mark.parametrize("seed", range(5))
def test_cut_channels(net: Net, space: ChannelSpace, slicer: TfliteSlicer, seed: int) -> None:
    assert difference(space, slicer, net, widths_of(space, seed)) <= 1e-5


def test_a_shortcut_that_pads_less_though_all_that_it_reads_is_kept(
    net: Net, space: ChannelSpace, slicer: TfliteSlicer
) -> None:
    assert difference(space, slicer, net, space.full | {"blocks.1.conv2": 4}) <= 1e-5


def test_the_shapes_of_a_file_are_those_that_its_runtime_finds(
    net: Net, space: ChannelSpace, slicer: TfliteSlicer
) -> None:
    """A runtime that trusts the file's shapes plans its memory by them."""
    plan = space.plan(widths_of(space, 7))
    file = slicer.slice(space.template.candidate(plan.cut(net.state_dict())))
    written = {one.name: one.shape for node in read_tflite(file).operators for one in node.outputs}
    opened = TfliteFile(file, inside=True)
    names = list(written)
    (found,) = opened.tensors(np.zeros((1, 3, 12, 12), np.float32), names)
    assert {name: one.shape for name, one in zip(names, found, strict=True)} == written


def test_removed_blocks(net: Net, space: ChannelSpace, slicer: TfliteSlicer) -> None:
    assert len(space.branches) == 3
    for gone in (space.branches[:1], space.branches[1:], space.branches):
        widths = {name: choices[-2] for name, choices in space.choices.items()}
        widths |= {group: 0 for branch in gone for group in branch.groups}
        assert difference(space, slicer, net, widths) <= 1e-5


def test_float16_weights_are_sliced_too(net: Net, space: ChannelSpace) -> None:
    marked = tagged(net)
    halved = to_tflite_float16(converted(marked))
    slicer = TfliteSlicer(space.template.candidate(marked.state_dict()), halved)
    gone = {group: 0 for group in space.branches[0].groups}
    for widths in (space.full, widths_of(space, 3), widths_of(space, 4) | gone):
        assert difference(space, slicer, net, widths) <= 2e-3
    file = slicer.slice(space.template.candidate(net.state_dict()))
    assert len(file) < 0.75 * len(converted(net))


def test_the_widths_of_a_candidate_are_told_by_its_weights(net: Net, space: ChannelSpace) -> None:
    for seed, gone in ((0, {}), (1, dict.fromkeys(space.branches[0].groups, 0))):
        widths = widths_of(space, seed) | gone
        assert space.widths_of(space.plan(widths).cut(net.state_dict())) == widths


def test_every_layer_with_weights_is_known_by_its_node(slicer: TfliteSlicer) -> None:
    nodes = sorted(slicer.nodes.values())
    assert len(nodes) == 9
    assert "/blocks/blocks.1/conv1/Conv" in nodes and "/head/Gemm" in nodes


def test_an_operator_that_is_not_known_is_named(net: Net, space: ChannelSpace) -> None:
    marked = tagged(net)
    network = space.template.candidate(marked.state_dict())
    model = load_tflite(converted(marked))
    pooling = code_index(model, "MEAN")
    model.operatorCodes[pooling].builtinCode = schema.BuiltinOperator.REDUCE_PROD
    model.operatorCodes[pooling].deprecatedBuiltinCode = schema.BuiltinOperator.REDUCE_PROD
    slicer = TfliteSlicer(network, dump_tflite(model))
    plan = space.plan(widths_of(space, 0))
    with pytest.raises(
        SlicingError, match=r"operator REDUCE_PROD of 'pooled': it is not known how"
    ):
        slicer.slice(space.template.candidate(plan.cut(net.state_dict())))


def test_a_constant_that_is_nothing_of_the_network_is_named(net: Net, space: ChannelSpace) -> None:
    marked = tagged(net)
    other = tagged(net)
    with torch.no_grad():
        other.head.weight[0, 0] += 0.01
    with pytest.raises(SlicingError, match=r"FULLY_CONNECTED of .* of shape \(10, 16\) is nothing"):
        TfliteSlicer(space.template.candidate(marked.state_dict()), converted(other))

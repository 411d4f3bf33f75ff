"""What runs between the layers of a net."""

from collections.abc import Sequence

import numpy as np
import onnx
import pytest

from edgeprune.devices import Device, open_device
from edgeprune.latency import random_widths
from edgeprune.latency.alignment import ALIGNED, FEW, UNALIGNED, Alignment
from edgeprune.latency.between import beside
from edgeprune.latency.features import Shapes
from edgeprune.latency.graph import Kind, Step, read_steps
from edgeprune.latency.kernels import Kernel
from edgeprune.pruning import ChannelSpace
from tests.devices.targets import local
from tests.latency.space import candidate_of, net_of, space_of

#: What a processor's blocks of 8 or 16 channels come to; without blocks every path is one.
_BLOCKS = [Alignment(4, fewest=8), Alignment(4, fewest=16), Alignment()]


def _beside(steps: Sequence[Step], written: Sequence[int], paths: Sequence[int]) -> int:
    kernels = [Kernel("conv", 16, one, 1, (3, 3), 1, (8, 8), (8, 8)) for one in written]
    return beside(steps, Shapes.of(kernels), np.array(paths)).kernels


#: A first layer, a block of two around a shortcut, each with an activation, and an end.
_BLOCK = (
    Step(Kind.INPUT, elements=64.0),
    Step(Kind.LAYER, (0,), layer=0),
    Step(Kind.ACTIVATION, (1,), open=False),
    Step(Kind.LAYER, (2,), layer=1),
    Step(Kind.ACTIVATION, (3,)),
    Step(Kind.LAYER, (4,), layer=2),
    Step(Kind.SUM, (5, 2)),
    Step(Kind.ACTIVATION, (6,)),
    Step(Kind.OUTPUT, (7,)),
)


def test_a_node_whose_shape_nobody_can_tell_is_as_large_as_its_source() -> None:
    value = onnx.helper.make_tensor_value_info
    nodes = [
        onnx.helper.make_node("Mystery", ["x"], ["y"], domain="elsewhere"),
        onnx.helper.make_node("Relu", ["y"], ["z"]),
    ]
    x, z = (value(name, onnx.TensorProto.FLOAT, [1, 4, 2, 2]) for name in "xz")
    opsets = [onnx.helper.make_opsetid("", 17), onnx.helper.make_opsetid("elsewhere", 1)]
    graph = onnx.helper.make_graph(nodes, "net", [x], [z])
    model = onnx.helper.make_model(graph, opset_imports=opsets)
    steps = read_steps(model.SerializeToString(), [])
    assert [one.kind for one in steps] == [Kind.INPUT, Kind.OTHER, Kind.ACTIVATION, Kind.OUTPUT]
    assert [one.growth for one in steps] == [1.0] * 4


@pytest.mark.parametrize(
    ("paths", "kernels"),
    [
        ((UNALIGNED, UNALIGNED, UNALIGNED), 0),  # nothing lies in blocks
        ((FEW, ALIGNED, ALIGNED), 1),  # out of them at the end
        ((FEW, UNALIGNED, UNALIGNED), 1),  # out of them behind the first; the sum is taken in
        ((FEW, UNALIGNED, ALIGNED), 3),  # out of them, into them, and at the end
        # Into blocks before the last, out of them behind it; the sum cannot be taken in, nor what
        # follows it.
        ((UNALIGNED, UNALIGNED, ALIGNED), 4),
        ((FEW, FEW, FEW), 3),  # each but the last writes what the next does not take; and the end
    ],
)
def test_what_lies_otherwise_than_its_reader_takes_it_is_laid_out_anew(
    paths: tuple[int, ...], kernels: int
) -> None:
    assert _beside(_BLOCK, (16, 16, 16), paths) == kernels


def test_a_removed_block_runs_nothing() -> None:
    assert _beside(_BLOCK, (16, 0, 0), (UNALIGNED, FEW, FEW)) == 0
    assert _beside(_BLOCK, (16, 0, 0), (FEW, FEW, FEW)) == 1


def test_blocks_are_joined_whole() -> None:
    steps = (
        Step(Kind.INPUT, elements=64.0),
        Step(Kind.LAYER, (0,), layer=0),
        Step(Kind.LAYER, (0,), layer=1),
        Step(Kind.CONCATENATION, (1, 2)),
        Step(Kind.POOL, (3,)),
        Step(Kind.OUTPUT, (4,)),
    )
    counts = {}
    for written in ((16, 32), (16, 20)):
        kernels = [Kernel("conv", 3, one, 1, (3, 3), 1, (8, 8), (8, 8)) for one in written]
        found = beside(steps, Shapes.of(kernels), np.array([FEW, FEW]), block=16)
        counts[written] = found.kernels
    # Joined and pooled in blocks, then out of them; or both out of them first.
    assert counts == {(16, 32): 3, (16, 20): 4}


@pytest.mark.parametrize("name", ["resnet20", "mobilenet_v2", "squeezenet1_1"])
def test_onnx_runtime_runs_as_many_kernels_as_is_foretold(name: str) -> None:
    space = space_of(name, 32)
    plans = [space.full, *_drawn(space, 4)]
    with open_device(local()) as device:
        run = [_counted(device, space, widths) for widths in plans]
    net = net_of(space)
    foretold = []
    for alignment in _BLOCKS:
        found = [
            beside(net.steps, one, alignment.paths(one), alignment.fewest or 1)
            for one in map(net.shapes, plans)
        ]
        foretold.append([one.kernels for one in found])
    assert run in foretold


def _drawn(space: ChannelSpace, count: int) -> list[dict[str, int]]:
    generator = np.random.default_rng(0)
    branches = [one.groups for one in space.branches]
    return [random_widths(space.choices, generator, branches) for _ in range(count)]


def _counted(device: Device, space: ChannelSpace, widths: dict[str, int]) -> int:
    layers = device.profile(candidate_of(space, widths))
    return sum(layer.name not in net_of(space).nodes for layer in layers)

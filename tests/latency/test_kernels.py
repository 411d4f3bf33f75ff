import numpy as np
import pytest

from edgeprune.errors import MeasurementError
from edgeprune.latency import Kernel, PrunableNet, random_widths
from edgeprune.latency.chains import chain
from edgeprune.latency.kernels import read_layers
from edgeprune.testing.devices import SMALL_NET_LAYERS, small_net
from tests.latency.space import candidate_of, net_of, space_of


def test_layers_of_a_file_are_found_with_their_shapes() -> None:
    layers = read_layers(small_net(16))
    assert tuple(layer.node for layer in layers) == SMALL_NET_LAYERS
    first, *_, last = (layer.kernel for layer in layers)
    assert first == Kernel("conv", 3, 16, 1, (3, 3), 1, (32, 32), (32, 32))
    assert (last.kind, last.read, last.written) == ("linear", 16, 10)


@pytest.mark.parametrize("kind", ["conv", "depthwise", "grouped", "linear"])
def test_chains_hold_equal_layers_of_their_kind(kind: str) -> None:
    kernels = {layer.kernel for layer in read_layers(chain(kind, 24))}
    assert len(kernels) == 1
    assert {(kernel.kind, kernel.read, kernel.written) for kernel in kernels} == {(kind, 24, 24)}


def test_signatures_are_read_back() -> None:
    for layer in read_layers(small_net(16)):
        assert Kernel.from_json(layer.kernel.to_json()) == layer.kernel


@pytest.mark.parametrize(("name", "size"), [("resnet20", 32), ("mobilenet_v2", 64)])
def test_kernels_of_widths_are_those_of_the_cut_file(name: str, size: int) -> None:
    space = space_of(name, size)
    net, generator = net_of(space), np.random.default_rng(0)
    for _ in range(3):
        widths = random_widths(space.choices, generator)
        layers = read_layers(candidate_of(space, widths))
        assert tuple(layer.node for layer in layers) == net.nodes
        assert tuple(layer.kernel for layer in layers) == net.kernels(widths)


def test_what_is_no_onnx_file_is_an_error() -> None:
    with pytest.raises(MeasurementError, match="cannot be read"):
        read_layers(b"no file")


def test_costs_of_another_model_are_refused() -> None:
    space = space_of("resnet20")
    with pytest.raises(MeasurementError, match="kernels cannot be told"):
        PrunableNet(small_net(16), space.layer_costs, space.full)

import onnx
import pytest

from edgeprune.config import TargetConfig
from edgeprune.devices import Device, open_device
from edgeprune.devices.node_costs import node_costs
from edgeprune.errors import MeasurementError
from edgeprune.testing.devices import DeviceConformance, small_net
from tests.devices.targets import simulated


class TestSimulated(DeviceConformance):
    @pytest.fixture
    def device(self) -> Device:
        return open_device(simulated())


def _samples(target: TargetConfig, *models: bytes) -> list[tuple[float, ...]]:
    device = open_device(target)
    return [device.compare(model, small_net(64)).candidate.samples_ms for model in models]


def test_noise_depends_on_the_model_and_the_seed_not_on_the_order():
    first, second = small_net(16), small_net(24)
    assert _samples(simulated(), first, second) == _samples(simulated(), second, first)[::-1]
    assert _samples(simulated(), first) != _samples(simulated(seed=1), first)
    assert _samples(simulated(), first) != _samples(simulated(), small_net(16, note="other"))


def test_without_noise_the_ratio_is_the_ratio_of_costs():
    device = open_device(simulated(ns_per_mac=1, ns_per_element=0, ns_per_layer=0, noise=0))
    comparison = device.compare(small_net(8), small_net(16))
    pixels, kernel = 32 * 32, 9
    # 3 input channels and 10 classes count as 8 and 16.
    small = pixels * kernel * (8 * 8 + 8 * 8 + 8 * 8) + 8 * 16
    large = pixels * kernel * (8 * 16 + 16 * 16 + 16 * 16) + 16 * 16
    assert comparison.candidate.median_ms == pytest.approx(small / 1e6)
    assert comparison.ratio == pytest.approx(small / large)


def test_channels_climb_stairs():
    device = open_device(simulated(staircase=8, noise=0))
    base = small_net(32)
    ratios = [device.compare(small_net(width), base).ratio for width in (17, 20, 24, 25)]
    assert ratios[0] == ratios[1] == ratios[2] < ratios[3]


def test_profile_adds_up_to_the_latency():
    device = open_device(simulated(noise=0))
    total = sum(layer.ms for layer in device.profile(small_net(32)))
    assert device.compare(small_net(32), small_net(64)).candidate.median_ms == pytest.approx(total)


def test_depthwise_convolutions_cost_one_input_channel_each():
    model = onnx.load_model_from_string(small_net(16))
    node = next(node for node in model.graph.node if node.name == "/conv2/Conv")
    node.attribute.append(onnx.helper.make_attribute("group", 16))
    weight = next(entry for entry in model.graph.initializer if entry.name == "conv2.weight")
    thin = onnx.numpy_helper.to_array(weight)[:, :1]
    weight.CopyFrom(onnx.numpy_helper.from_array(thin.copy(), "conv2.weight"))
    costs = {cost.name: cost for cost in node_costs(model.SerializeToString(), staircase=8)}
    assert costs["/conv2/Conv"].macs == 32 * 32 * 9 * 16
    assert costs["/conv3/Conv"].macs == 32 * 32 * 9 * 16 * 16


def test_shapes_noted_before_a_cut_are_not_believed():
    model = onnx.load_model_from_string(small_net(16))
    stale = onnx.helper.make_tensor_value_info("/conv2/Conv_output_0", 1, [1, 64, 32, 32])
    model.graph.value_info.append(stale)
    assert node_costs(model.SerializeToString(), 8) == node_costs(small_net(16), 8)


def test_a_cost_of_nothing_is_an_error_not_a_latency_of_zero():
    values = [onnx.helper.make_tensor_value_info(name, 1, [1, 4]) for name in ("input", "output")]
    node = onnx.helper.make_node("Add", ["input", "input"], ["output"])
    graph = onnx.helper.make_graph([node], "no_macs", values[:1], values[1:])
    device = open_device(simulated(ns_per_element=0, ns_per_layer=0))
    with pytest.raises(MeasurementError, match=r"latency 0.* ms"):
        device.compare(onnx.helper.make_model(graph).SerializeToString(), small_net(16))

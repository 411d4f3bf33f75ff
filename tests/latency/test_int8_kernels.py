"""Kernels of int8 files on ONNX Runtime itself: seen, told apart, and learned from."""

import platform
from functools import cache
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from edgeprune.devices import Device, LayerTime, open_device
from edgeprune.devices.known_net import small_net
from edgeprune.errors import TargetError
from edgeprune.history import History, target_facts, target_key
from edgeprune.latency import probe_staircases, same_layers
from edgeprune.latency.chain_files import chain_for
from edgeprune.latency.chains import LENGTH, chain
from edgeprune.latency.int8_chains import int8_chain
from edgeprune.latency.kernels import read_layers
from edgeprune.latency.staircase import KINDS
from tests.devices.targets import local, simulated

INT8 = {"precision": "int8"}
X86 = platform.machine() in {"x86_64", "AMD64"}


@cache
def _profiled(kind: str, channels: int) -> list[LayerTime]:
    with open_device(local().model_copy(update=INT8)) as device:
        return device.profile(int8_chain(kind, channels, unsigned=X86))


@pytest.mark.parametrize("kind", KINDS)
def test_an_int8_chain_has_the_layers_of_its_float32_chain(kind: str) -> None:
    content = int8_chain(kind, 24)
    assert read_layers(content) == read_layers(chain(kind, 24))
    weights = [
        one for one in onnx.load_model_from_string(content).graph.initializer
        if one.data_type == onnx.TensorProto.INT8 and one.name.endswith("weight_integers")
    ]  # fmt: skip
    assert len(weights) == LENGTH
    assert all(np.unique(numpy_helper.to_array(one)).size > 20 for one in weights)


@pytest.mark.parametrize("kind", KINDS)
def test_a_profile_of_an_int8_file_names_its_layers(kind: str) -> None:
    layers = {layer.name: layer for layer in _profiled(kind, 24)}
    found = [layers[f"layer{number}"] for number in range(LENGTH)]
    assert all(layer.ms > 0 for layer in found)
    # All but the first and the last step is in int8: nothing is rounded in between.
    assert len([one for one in layers.values() if one.op == "QuantizeLinear"]) == 1
    assert len([one for one in layers.values() if one.op == "DequantizeLinear"]) == 1


def test_layers_are_found_again_where_names_and_order_have_changed() -> None:
    content = small_net(16)
    model = onnx.load_model_from_string(content)
    first, *_, last = (layer.node for layer in read_layers(content))
    for node in model.graph.node:
        if node.name in {first, last}:
            node.name += "/fused"
    found = same_layers(content, model.SerializeToString())
    names = [layer.node for layer in read_layers(content)]
    assert found == {**{name: name for name in names[1:-1]}, f"{first}/fused": first,
                     f"{last}/fused": last}  # fmt: skip


def test_chains_are_in_the_precision_of_the_target() -> None:
    with open_device(local()) as device:
        assert chain_for(device) is chain
    with open_device(local().model_copy(update=INT8)) as device:
        assert chain_for(device)("conv", 8) == int8_chain("conv", 8, unsigned=X86)


def test_a_runtime_whose_int8_kernels_are_not_probed_says_so() -> None:
    with open_device(simulated().model_copy(update=INT8)) as device:
        with pytest.raises(TargetError, match=r"runtime simulated .*int8; allowed: float32, or"):
            chain_for(device)


def _key(device: Device) -> str:
    return target_key(target_facts(device.conditions()))


@pytest.mark.slow
def test_multiples_of_int8_are_kept_apart(tmp_path: Path) -> None:
    with History.open(str(tmp_path / "history.db")) as history:
        with open_device(local()) as plain:
            key = _key(plain)
        with open_device(local().model_copy(update=INT8)) as device:
            own = _key(device)
            history.target(own, {})
            sweep = probe_staircases(device, history, own, kinds=("depthwise",))["depthwise"]
        assert own != key
        assert history.multiples(own)["depthwise"] == sweep.staircase
        assert not history.multiples(key)

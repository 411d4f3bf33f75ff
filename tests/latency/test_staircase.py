import math
from pathlib import Path

import numpy as np
import pytest

from edgeprune.devices import open_device
from edgeprune.history import History, target_facts, target_key
from edgeprune.latency import KernelTable, learn_staircase, probe_staircases
from edgeprune.latency.chains import chain
from edgeprune.latency.kernels import read_layers
from edgeprune.latency.staircase import KINDS
from edgeprune.latency.tflite_chains import tflite_chain
from tests.devices.targets import simulated


@pytest.mark.parametrize("staircase", [1, 4, 8, 16])
@pytest.mark.parametrize("noise", [0.0, 0.01, 0.03])
def test_learns_the_staircase_of_every_kind(tmp_path: Path, staircase: int, noise: float) -> None:
    with (
        History.open(str(tmp_path / "history.db")) as history,
        open_device(simulated(staircase=staircase, noise=noise)) as device,
    ):
        facts = target_facts(device.conditions())
        key = target_key(facts)
        history.target(key, facts)
        sweeps = probe_staircases(device, history, key, kinds=("conv", "depthwise", "linear"))
        learned = {kind: one.multiple for kind, one in history.multiples(key).items()}
        assert learned == dict.fromkeys(("conv", "depthwise", "linear"), staircase)
        assert learned == {kind: sweep.staircase.multiple for kind, sweep in sweeps.items()}
        # Kept for pictures; chains are no kernels of a net.
        assert len(history.kernels(key)) == sum(len(sweep.channels) for sweep in sweeps.values())
        assert not KernelTable.load(history, key).times


def test_a_slow_path_beside_the_stairs_counts() -> None:
    """ONNX Runtime on x86: blocks of 16, and much slower where 4 does not divide the channels."""
    ms = {c: -(-c // 16) * (1.0 if c % 4 == 0 else 5.0) for c in range(32, 97)}
    found = learn_staircase(ms)
    assert found.multiple == 16
    assert found.gain > 1


def test_gain_is_what_widths_between_multiples_waste() -> None:
    assert learn_staircase({c: float(c) for c in range(32, 97)}).gain == 0.0
    steps = {c: float(-(-c // 8)) for c in range(32, 97)}
    small, large = (
        learn_staircase({c: ms + rest for c, ms in steps.items()}).gain for rest in (100, 0)
    )
    assert 0 < small < large


@pytest.mark.slow
def test_a_real_device_is_swept(tmp_path: Path) -> None:
    from tests.devices.targets import local

    with (
        History.open(str(tmp_path / "history.db")) as history,
        open_device(local()) as device,
    ):
        history.target("here", {})
        sweep = probe_staircases(device, history, "here", kinds=("conv",))["conv"]
    assert sweep.ms[-1] > sweep.ms[0] > 0
    assert sweep.staircase.multiple in {1, 2, 4, 8, 16, 32}


@pytest.mark.parametrize("kind", KINDS)
def test_a_tflite_chain_has_the_same_layers(kind: str) -> None:
    pytest.importorskip("ai_edge_litert", reason="the extra `tflite` is not installed")
    from edgeprune.quantization.tflite_graph import read_tflite
    from edgeprune.quantization.tflite_running import TfliteFile

    content = tflite_chain(kind, 48)
    operators = read_tflite(content).operators
    expected = read_layers(chain(kind, 48))
    assert len(operators) == len(expected) == 4
    weights = [one.inputs[1].shape for one in operators]
    kernels = [one.kernel for one in expected]
    assert [math.prod(shape) for shape in weights] == [
        one.read // one.groups * one.written * math.prod(one.area) for one in kernels
    ]
    assert operators[0].inputs[0].shape[-1] == kernels[0].read
    if kind != "linear":
        images = np.ones((1, 48, *kernels[0].size), np.float32)
        assert np.isfinite(TfliteFile(content)(images)[0]).all()

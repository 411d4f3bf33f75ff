"""The 32-bit board: what it is made of, and that TensorFlow Lite runs on it."""

import subprocess
from collections.abc import Iterator

import numpy as np
import pytest

from edgeprune.boards import ARMHF, RECIPE_ARMHF, Board, virtual
from edgeprune.config import load_target
from edgeprune.devices.connection import Connection
from edgeprune.devices.known_tflite import small_tflite_net
from edgeprune.devices.reach import board_name, recipe_of
from edgeprune.devices.ssh import ssh_python
from edgeprune.devices.worker.tflite import Runtime
from edgeprune.errors import TargetError
from tests.boards.fixtures import own_name, require_programs


def test_its_profile_means_it() -> None:
    target = load_target("armhf-virtual")
    assert board_name(target) == "armhf-virtual" and recipe_of(target) == RECIPE_ARMHF
    assert board_name(load_target("arm64-virtual-tflite")) == "arm64-virtual"


@pytest.mark.parametrize("runtime", ["onnxruntime", "tvm"])
def test_a_runtime_that_32_bits_lack_is_named(runtime: str) -> None:
    target = load_target("armhf-virtual").model_copy(update={"runtime": runtime})
    with pytest.raises(TargetError, match=rf"no {runtime} for 32-bit ARM.*allowed.*tflite"):
        recipe_of(target)


@pytest.fixture(scope="module")
def board() -> Iterator[Board]:
    require_programs(ARMHF)
    with own_name("armhf") as name:
        yield virtual.start(recipe=RECIPE_ARMHF, name=name)


@pytest.mark.slow
def test_it_computes_what_this_machine_does(board: Board) -> None:
    pytest.importorskip("ai_edge_litert")
    machine = subprocess.run(board.ssh("uname -m"), capture_output=True, text=True, timeout=60)
    assert machine.stdout.strip() == "armv7l"
    net, settings = small_tflite_net(16), {"threads": 1, "xnnpack": True}
    connection = Connection(
        ssh_python(board.reach), "edgeprune.devices.worker.tflite", settings, 120.0
    )
    try:
        assert connection.ask("start")["clock_kind"] == "instructions"
        connection.ask("put", digest="net", content=net)
        connection.ask("build", model="net")
        (there,) = connection.ask("outputs", model="net")["outputs"]
    finally:
        connection.close()
    (here,) = Runtime(settings).outputs(net)
    found = np.frombuffer(there["content"], there["dtype"]).reshape(there["shape"])
    assert np.abs(found - here).max() < 1e-5 * np.abs(here).max()

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest

from edgeprune.boards import emulated
from edgeprune.devices.connection import Connection
from edgeprune.devices.interpreter import python_command
from edgeprune.errors import TargetError
from edgeprune.testing.devices import small_net

OUTPUT = """
import json, sys, numpy, onnxruntime
options = onnxruntime.SessionOptions()
options.intra_op_num_threads = 1
session = onnxruntime.InferenceSession(sys.argv[1], options)
image = numpy.random.default_rng(0).standard_normal((1, 3, 32, 32)).astype("float32")
print(json.dumps(session.run(None, {"input": image})[0].tolist()))
"""
FACTS = """
import json, os, platform, sys
with open("/etc/edgeprune-board.json") as file:
    facts = json.load(file)
print(json.dumps([platform.machine(), facts, os.environ.get("ORT_DISABLE_TELEMETRY"), sys.path]))
"""


def run(python: Path, *arguments: object) -> Any:
    done = subprocess.run(
        [python, *map(str, arguments)],
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": "/nowhere", "LD_LIBRARY_PATH": "/nowhere"},
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_it_is_an_arm_and_says_that_its_clock_means_nothing(emulated_python: Path) -> None:
    machine, facts, telemetry, path = run(emulated_python, "-c", FACTS)
    assert machine == "aarch64"
    assert facts == {"name": "arm64-emulated", "emulated": True, "clock_kind": "emulated"}
    assert telemetry == "1"
    assert "/nowhere" not in path


def test_it_computes_what_this_machine_computes(emulated_python: Path, tmp_path: Path) -> None:
    (tmp_path / "net.onnx").write_bytes(small_net(16))
    there = np.array(run(emulated_python, "-c", OUTPUT, tmp_path / "net.onnx"))
    image = np.random.default_rng(0).standard_normal((1, 3, 32, 32)).astype(np.float32)
    session = onnxruntime.InferenceSession(small_net(16))
    here = session.run(None, {"input": image})[0]
    assert np.abs(there - here).max() < 1e-4


def test_litert_can_be_imported(emulated_python: Path) -> None:
    code = "from ai_edge_litert.interpreter import Interpreter; print('true')"
    assert run(emulated_python, "-c", code) is True


def test_a_worker_measures_on_it(emulated_python: Path) -> None:
    connection = Connection(
        python_command([str(emulated_python)]),
        "edgeprune.devices.worker.onnx_runtime",
        {"threads": 1},
        120.0,
    )
    try:
        facts = connection.ask("start")
        assert (facts["machine"], facts["emulated"]) == ("aarch64", True)
        connection.ask("put", digest="net", content=small_net(16))
        connection.ask("build", model="net")
        samples = connection.ask("measure", model="net", other="net", pairs=3, seconds=60.0)
        assert len(samples["candidate"]) == 3 and min(samples["candidate"]) > 0
    finally:
        connection.close()


def test_before_it_is_made_the_command_that_makes_it_is_named(empty_store: Path) -> None:
    with pytest.raises(TargetError, match="edgeprune target start arm64-emulated"):
        emulated.emulated_python()

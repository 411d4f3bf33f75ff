import os
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import onnx
import pytest
from execnet.gateway_base import Channel

from edgeprune.devices import Device, open_device, protocol
from edgeprune.devices.connection import Connection
from edgeprune.devices.interpreter import python_command
from edgeprune.devices.remote import RemoteDevice
from edgeprune.devices.usual import Usual
from edgeprune.errors import MeasurementError, TargetError
from edgeprune.testing.devices import DeviceConformance, small_net
from tests.devices.processes import is_gone_soon, is_running
from tests.devices.targets import local


@pytest.fixture(scope="module")
def _shared() -> Iterator[RemoteDevice]:
    with open_device(local()) as device:
        assert isinstance(device, RemoteDevice)
        yield device


class TestLocal(DeviceConformance):
    @pytest.fixture
    def device(self, _shared: RemoteDevice, request: pytest.FixtureRequest) -> Iterator[Device]:
        if "closes" not in request.node.name:
            yield _shared
            return
        with open_device(local()) as device:
            yield device


def _during(monkeypatch: pytest.MonkeyPatch, step: str, act: Any, times: int) -> None:
    """Call ``act`` shortly after the worker was given a step, the first so many times."""
    ask, left = Connection.ask, [times]

    def watched(self: Connection, asked: str, **arguments: Any) -> dict[str, Any]:
        if asked == step and left[0]:
            left[0] -= 1
            threading.Timer(0.05, act).start()
        return ask(self, asked, **arguments)

    monkeypatch.setattr(Connection, "ask", watched)


def _slow(note: str = "") -> bytes:
    """Tens of milliseconds a run: 30 pairs are still running when the timer goes off."""
    return small_net(64, size=96, note=note)


def _file(graph: onnx.GraphProto) -> bytes:
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)])
    model.ir_version = 8
    return model.SerializeToString()


def test_measures_on_a_worker_of_its_own(_shared: RemoteDevice):
    assert _shared.worker_pid != os.getpid()
    assert is_running(_shared.worker_pid)
    conditions = _shared.compare(small_net(16), small_net(32)).candidate.conditions
    assert conditions["runtime"] == "onnxruntime"
    assert conditions["threads"] == 1
    assert conditions["clock"] in ("thread", "wall")
    assert set(conditions["before"]) == set(conditions["after"])


def test_models_are_sent_and_built_once(_shared: RemoteDevice, monkeypatch: pytest.MonkeyPatch):
    sent: list[str] = []
    ask = Connection.ask

    def watched(self: Connection, step: str, **arguments: Any) -> dict[str, Any]:
        if step == "put":
            sent.append(arguments["digest"])
        return ask(self, step, **arguments)

    monkeypatch.setattr(Connection, "ask", watched)
    # What is measured anew, in a bad moment, is built anew.
    monkeypatch.setattr(Usual, "exceeded", lambda self, level_ms: False)
    base = small_net(8, note="base")
    first = _shared.compare(small_net(8, note="1"), base)
    again = [_shared.compare(small_net(8, note=str(n)), base) for n in range(2, 9)]
    assert len(sent) == len(set(sent)) == 9
    assert {entry.baseline.build_ms for entry in again} == {first.baseline.build_ms}


def test_what_is_compared_once_more_is_loaded_once_more(_shared: RemoteDevice):
    pair = small_net(8, note="here"), small_net(8, note="there")
    first, second = _shared.compare(*pair), _shared.compare(*pair)
    assert first.candidate.build_ms != second.candidate.build_ms
    assert first.baseline.build_ms != second.baseline.build_ms


def test_the_same_model_against_itself(_shared: RemoteDevice):
    comparison = _shared.compare(small_net(16), small_net(16))
    # A wide margin: this is about mixing the two up, the noise is the benchmark's business.
    assert 0.5 < comparison.ratio < 2


def test_outputs_that_are_not_numbers_are_no_concern_of_latency(_shared: RemoteDevice):
    model = onnx.load_model_from_string(small_net(8))
    bias = next(entry for entry in model.graph.initializer if entry.name == "linear.bias")
    nothing = onnx.numpy_helper.to_array(bias) * float("nan")
    bias.CopyFrom(onnx.numpy_helper.from_array(nothing, "linear.bias"))
    assert _shared.compare(model.SerializeToString(), small_net(8)).ratio > 0


def test_open_dimensions_are_measured_at_one(_shared: RemoteDevice):
    model = onnx.load_model_from_string(small_net(8))
    for value in (*model.graph.input, *model.graph.output):
        value.type.tensor_type.shape.dim[0].dim_param = "batch"
    assert _shared.compare(model.SerializeToString(), small_net(8)).ratio > 0


def test_a_model_that_loads_but_cannot_run(_shared: RemoteDevice):
    tensor = onnx.helper.make_tensor_value_info
    graph = onnx.helper.make_graph(
        [onnx.helper.make_node("Reshape", ["input", "shape"], ["output"])],
        "six_elements_into_four",
        [tensor("input", onnx.TensorProto.FLOAT, ["n", 6])],
        [tensor("output", onnx.TensorProto.FLOAT, ["a", "b"])],
        [onnx.helper.make_tensor("shape", onnx.TensorProto.INT64, [2], [4, 1])],
    )
    with pytest.raises(MeasurementError, match="loads but does not run"):
        _shared.compare(_file(graph), small_net(8))


def test_an_input_that_cannot_be_made_up(_shared: RemoteDevice):
    text = onnx.TensorProto.STRING
    tensor = onnx.helper.make_tensor_value_info
    graph = onnx.helper.make_graph(
        [onnx.helper.make_node("Identity", ["words"], ["same"])],
        "text",
        [tensor("words", text, [1])],
        [tensor("same", text, [1])],
    )
    with pytest.raises(MeasurementError, match=r"'words' is a tensor\(string\); allowed: tensor"):
        _shared.compare(_file(graph), small_net(8))


def test_profile_leaves_no_file(_shared: RemoteDevice, tmp_path: Path):
    before = set(Path(tempfile.gettempdir()).glob("edgeprune-*"))
    _shared.profile(small_net(8))
    assert set(Path(tempfile.gettempdir()).glob("edgeprune-*")) <= before


def test_a_killed_worker_is_replaced_once(monkeypatch: pytest.MonkeyPatch):
    with open_device(local()) as device:
        assert isinstance(device, RemoteDevice)
        first = device.worker_pid
        _during(monkeypatch, "measure", lambda: os.kill(first, signal.SIGKILL), times=1)
        comparison = device.compare(_slow("a"), _slow("b"))
        assert comparison.ratio > 0
        assert device.worker_pid != first
        second = device.worker_pid
    assert is_gone_soon(second)


def test_a_worker_killed_twice_is_an_error_and_the_next_call_works(
    monkeypatch: pytest.MonkeyPatch,
):
    with open_device(local()) as device:
        assert isinstance(device, RemoteDevice)
        with monkeypatch.context() as patch:
            kill = lambda: os.kill(device.worker_pid, signal.SIGKILL)  # noqa: E731
            _during(patch, "measure", kill, times=2)
            with pytest.raises(MeasurementError, match="lost again: killed by SIGKILL"):
                device.compare(_slow("a"), _slow("b"))
        assert device.compare(small_net(8), small_net(16)).ratio > 0


def test_a_hanging_worker_is_killed_and_reported(monkeypatch: pytest.MonkeyPatch):
    with open_device(local(timeout_s=3)) as device:
        assert isinstance(device, RemoteDevice)
        hung = device.worker_pid
        _during(monkeypatch, "measure", lambda: os.kill(hung, signal.SIGSTOP), times=1)
        with pytest.raises(MeasurementError, match=r"'measure' within 3 s .*measure\.timeout_s"):
            device.compare(_slow("a"), _slow("b"))
        assert is_gone_soon(hung)
        assert device.compare(small_net(8), small_net(16)).ratio > 0


def test_a_worker_that_no_longer_reads_does_not_block_sending():
    with open_device(local(timeout_s=2)) as device:
        assert isinstance(device, RemoteDevice)
        os.kill(device.worker_pid, signal.SIGSTOP)
        # Far more than a pipe holds.
        with pytest.raises(MeasurementError, match="within 2 s"):
            device.compare(small_net(512, size=8), small_net(8))


def test_a_model_slower_than_a_step_is_timed_in_portions():
    with open_device(local(timeout_s=1, runs=10, warmup=3)) as device:
        comparison = device.compare(_slow("a"), _slow("b"))
    assert len(comparison.candidate.samples_ms) == 10


def test_no_worker_is_left_after_closing():
    device = open_device(local())
    assert isinstance(device, RemoteDevice)
    pid = device.worker_pid
    device.close()
    assert not is_running(pid)
    with pytest.raises(TargetError, match="closed"):
        device.compare(small_net(8), small_net(8))


def test_a_python_without_numpy_is_a_target_error():
    with pytest.raises(TargetError, match=r"'here'.*numpy"):
        RemoteDevice(local(), python_command([sys.executable, "-S", "-E"]))


def test_it_is_one_also_where_it_ended_before_all_was_sent(monkeypatch: pytest.MonkeyPatch):
    send = Channel.send

    def late(channel: Channel, item: object) -> None:
        deadline = time.monotonic() + 30
        while not channel.isclosed() and time.monotonic() < deadline:
            time.sleep(0.01)
        send(channel, item)

    monkeypatch.setattr(Channel, "send", late)
    with pytest.raises(TargetError, match=r"No module named 'numpy'"):
        RemoteDevice(local(), python_command([sys.executable, "-S", "-E"]))


def test_a_python_that_is_not_there_is_a_target_error():
    with pytest.raises(TargetError, match="no-such-python"):
        RemoteDevice(local(), python_command(["/no-such-python"]))


def test_an_interpreter_that_says_nothing_is_given_up_and_ended(tmp_path: Path):
    script, noted = tmp_path / "python", tmp_path / "pid"
    script.write_text(f"#!/bin/sh\necho $$ > {noted}\nexec sleep 60\n")
    script.chmod(0o755)
    with pytest.raises(TargetError, match="did not start within 1 s"):
        RemoteDevice(local(timeout_s=1), python_command([str(script)]))
    assert not is_running(int(noted.read_text()))


@pytest.mark.parametrize("value", [0, -5, float("nan"), float("inf")])
def test_a_time_that_cannot_be_is_an_error(value: float):
    def ask(step: str, **arguments: Any) -> dict[str, Any]:
        if step == "measure":
            good, bad = [1e6] * 30, [1e6] * 29 + [value]
            return {"candidate": bad, "baseline": good, "candidate_cpu": good, "baseline_cpu": good}
        return {"build_ms": 1.0}

    with pytest.raises(MeasurementError, match=r"run of the candidate took .* cannot be trusted"):
        protocol.compare(ask, "a", "b", local(warmup=0), {"single_thread": True})

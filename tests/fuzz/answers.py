"""A worker that answers anything: what the host makes of it."""

import json
import math
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from execnet.gateway_base import dumps, loads

from edgeprune.config import MeasureConfig, TargetConfig
from edgeprune.devices import remote
from edgeprune.devices.connection import Connection
from edgeprune.devices.interpreter import Interpreter
from edgeprune.devices.known_net import small_net
from edgeprune.devices.remote import RemoteDevice
from edgeprune.devices.wire import check_payload
from edgeprune.errors import EdgepruneError
from tests.fuzz.surface import DocumentSurface, Entering

_FACTS = {
    **{"cpu": "any", "board": None, "machine": "x86_64", "cores": 2, "system": "Linux 6"},
    **{"python": "3.11.7", "clock_resolution_ns": 40, "clock_kind": "real", "emulated": False},
    **{"pid": 7, "runtime": "onnxruntime", "version": "1.31.0", "threads": 1},
    **{"providers": ["CPUExecutionProvider"], "single_thread": True},
}
_STATE = {
    **{"governor": "performance", "frequency_mhz": 1800.0, "temperature_c": 50.0, "load": 0.1},
    **{"throttled": False, "power_mode": None},
}
_TIMES = [1e6, 1.01e6, 1.02e6, 1e6, 0.99e6, 1e6, 1e6, 1.01e6, 1e6, 1e6]
_SIDES = ("candidate", "baseline", "candidate_cpu", "baseline_cpu")
#: What a well-behaved worker answers to each step, one answer after the other.
HONEST: dict[str, Any] = {
    "start": [_FACTS],
    "build": [{"build_ms": 7.0}],
    "measure": [dict.fromkeys(_SIDES, _TIMES)],
    "state": [_STATE],
    "put": [{}],
    "outputs": [{"outputs": [{"shape": [1, 2], "dtype": "<f4", "content": "abcdefgh"}]}],
    "profile": [{"kernels": [["/conv1/Conv", "Conv", [10, 11, 12]], ["x", "Gemm", [3, 4, 5]]]}],
}
#: A second one, with other answers that are allowed.
_BUSY = HONEST | {
    "build": [{"missing": ["0" * 64]}, {"failure": "build", "message": "no"}, {"build_ms": 1}],
    "state": [dict.fromkeys(_STATE), _STATE],
    "profile": [{"kernels": []}],
}


class AnswerSurface(DocumentSurface):
    """Answers as they come off the wire, to every question a measurement asks."""

    def __init__(self) -> None:
        super().__init__([HONEST, _BUSY], _dumped, Path.read_bytes, "answers")
        self._net = small_net(4, size=8)
        # Ten pairs are asked for at once, as many as each answer of the script holds.
        measure = MeasureConfig(warmup=0, runs=10, timeout_s=5)
        self._target = TargetConfig(name="board", kind="local", measure=measure)

    def case(self, content: bytes, folder: Path, native: Entering) -> None:
        """See `Surface.case`."""
        kept, refused = remote.Connection, None
        remote.Connection = _connected(content)  # type: ignore[misc,assignment]
        try:
            device = RemoteDevice(self._target, Interpreter(("never",)))
            for act in (self._compare, self._outputs, self._profile, self._conditions):
                try:
                    act(device)
                except EdgepruneError as error:
                    refused = error
            device.close()
        finally:
            remote.Connection = kept  # type: ignore[misc]
        if refused is not None:
            raise refused

    def _compare(self, device: RemoteDevice) -> None:
        found = device.compare(self._net, self._net)
        # What is not refused is a number, and can be kept.
        assert math.isfinite(found.ratio) and found.ratio > 0, found.ratio
        assert found.candidate.level_ms > 0 and found.candidate.median_ms > 0
        assert math.isfinite(found.candidate.build_ms)
        json.dumps(found.to_json(), allow_nan=False).encode()

    def _outputs(self, device: RemoteDevice) -> None:
        assert all(one.dtype.kind in "fiub" for one in device.outputs(self._net))

    def _profile(self, device: RemoteDevice) -> None:
        for one in device.profile(self._net):
            assert math.isfinite(one.ms) and one.ms >= 0, one

    def _conditions(self, device: RemoteDevice) -> None:
        json.dumps(device.conditions(), allow_nan=False).encode()


class _Channel:
    """Answers from a script; what cannot be read off the wire breaks the connection."""

    def __init__(self, content: bytes) -> None:
        try:
            # As the connection does, before execnet makes any objects; the first byte is a version.
            check_payload(content[1:])
            self._script = loads(content)
        except Exception:  # execnet's receiver thread ends with any of them
            self._script = None
        self._step = ""
        self._count: dict[str, int] = {}

    def send(self, request: dict[str, Any]) -> None:
        self._step = request["step"]

    def receive(self) -> Any:
        try:
            answers = self._script[self._step]
            count = self._count[self._step] = self._count.get(self._step, -1) + 1
            found = answers[min(count, len(answers) - 1)]
        except (KeyError, IndexError, TypeError) as error:
            raise EOFError from error
        outputs = found.get("outputs") if isinstance(found, dict) else None
        for one in outputs if isinstance(outputs, list) else ():
            if isinstance(one, dict) and isinstance(one.get("content"), str):
                one["content"] = one["content"].encode("utf-8", "replace")
        return found

    def waitclose(self, timeout: float) -> None:
        """It breaks, and says nothing more."""
        raise EOFError


class _Wire:
    """Stands for the process at the other end."""

    def __init__(self) -> None:
        self.fault, self.inspector = "", SimpleNamespace(asked=0)

    def kill(self) -> None:
        pass

    def wait(self) -> int:
        return 1

    def errors(self) -> str:
        return "the script ended"


def _connected(content: bytes) -> Any:
    """The class of connections whose worker answers from a script; all but the wire is real."""

    class Scripted(Connection):
        def __init__(self, interpreter: Interpreter, *_: Any) -> None:
            self._interpreter, self._timeout_s = interpreter, 5.0
            self._channel, self._io = _Channel(content), _Wire()
            self._group, self._spawned = [], threading.Event()
            self._spawned.set()

    return Scripted


def _dumped(value: Any) -> bytes:
    """As execnet sends it; what it cannot send is an empty answer."""
    try:
        return bytes(dumps(value))
    except Exception:
        return bytes(dumps({}))

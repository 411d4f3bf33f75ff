"""TVM's own connection: devices register with a tracker, which lends them.

A TVM server obeys whoever reaches it: have it and the tracker in a network of your own, or on
127.0.0.1 behind an SSH tunnel. On a board::

    python3 -m tvm.exec.rpc_server --host 0.0.0.0 --tracker HOST:9190 --key NAME
"""

import socket
import struct
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Self
from uuid import uuid4

import numpy as np

from edgeprune.config.runtimes import TvmRpcConfig
from edgeprune.devices.tvm.host import require_tvm
from edgeprune.devices.worker.failures import BuildFailed
from edgeprune.devices.worker.tvm_runtime import example_input, unpack
from edgeprune.errors import MeasurementError, TargetError

_LOOPBACK = "127.0.0.1"
_REACH_S = 5.0
_REGISTER_S = 60.0
#: Ports that are tried from the first free one on.
_PORTS = 20


@contextmanager
def loopback(key: str = "local", devices: int = 1) -> Iterator[TvmRpcConfig]:
    """A tracker of our own, with servers on this machine; both end with the context.

    Args:
        key: what the servers are registered as.
        devices: how many servers.

    Yields:
        How to reach them.

    Raises:
        TargetError: TVM is not installed.
    """
    require_tvm()
    from tvm import rpc
    from tvm.rpc import tracker

    started: list[Any] = []
    try:
        port = _free_port()
        lender = tracker.Tracker(_LOOPBACK, port=port, port_end=port + _PORTS, silent=True)
        started.append(lender)
        address = (_LOOPBACK, lender.port)
        for _ in range(devices):
            port = _free_port()
            started.append(
                rpc.Server(
                    _LOOPBACK,
                    port=port,
                    port_end=port + _PORTS,
                    tracker_addr=address,
                    key=key,
                    silent=True,
                )
            )
        config = TvmRpcConfig(host=_LOOPBACK, port=lender.port, key=key)
        _await_devices(config, devices)
        yield config
    finally:
        for process in reversed(started):
            process.terminate()


def free_devices(config: TvmRpcConfig) -> int:
    """How many devices the tracker could lend at once.

    Raises:
        TargetError: no tracker there, or no device of that key has registered.
    """
    require_tvm()
    from tvm import rpc

    where = f"{config.host}:{config.port}"
    try:
        _greet(config)
        summary = rpc.connect_tracker(config.host, config.port).summary()
    except (OSError, RuntimeError) as error:
        msg = (
            f"no TVM tracker answers at {where} ({error}); start it: python3 -m "
            f"tvm.exec.rpc_tracker --host {config.host} --port {config.port}"
        )
        raise TargetError(msg) from error
    keys = [str(one["key"]).removeprefix("server:") for one in summary["server_info"]]
    if config.key not in keys:
        known = ", ".join(sorted(set(keys))) or "none"
        msg = (
            f"no device is registered as {config.key!r} at the tracker {where}; registered: "
            f"{known}; on the device: python3 -m tvm.exec.rpc_server --tracker {where} "
            f"--key {config.key}"
        )
        raise TargetError(msg)
    return int(summary["queue_info"].get(config.key, {}).get("free", 0))


class RemoteLibrary:
    """A library on a device that a tracker has lent; a context manager.

    Args:
        artifact: what `compile_library` made.
        config: the tracker, and what the device is registered as.
        timeout_s: after which the tracker takes the device back, seconds.

    Raises:
        TargetError: no tracker, or no such device.
        MeasurementError: the device cannot load the library.
    """

    def __init__(self, artifact: bytes, config: TvmRpcConfig, timeout_s: float = 60.0) -> None:
        free_devices(config)
        from tvm import relax, rpc

        try:
            header, library = unpack(artifact)
            lender = rpc.connect_tracker(config.host, config.port)
            self._session: Any = lender.request(config.key, session_timeout=int(timeout_s))
            # The server keeps what it is sent in a folder that goes with the session.
            name = f"edgeprune-{uuid4().hex}.so"
            self._session.upload(bytearray(library), target=name)
            self._device = self._session.cpu(0)
            self._machine = relax.VirtualMachine(self._session.load_module(name), self._device)
            runtime = require_tvm().runtime
            self._inputs = [
                runtime.tensor(example_input(one), self._device) for one in header["inputs"]
            ]
        except BuildFailed as error:
            raise MeasurementError(str(error)) from error
        except Exception as error:
            msg = f"TVM's device {config.key!r} cannot load the library: {error}"
            raise MeasurementError(msg) from error

    def outputs(self) -> list[np.ndarray]:
        """What the library computes from the fixed example inputs."""
        found: Any = self._machine["main"](*self._inputs)
        return [one.numpy() for one in ([found] if hasattr(found, "numpy") else found)]

    def samples_ms(self, runs: int, warmup: int = 3) -> list[float]:
        """Single runs, timed by TVM's evaluator on the device, milliseconds.

        Args:
            runs: how many.
            warmup: runs before the first one that counts.

        Raises:
            MeasurementError: the device was lost, or a time is zero.
        """
        try:
            timer = self._machine.time_evaluator("main", self._device, number=1, repeat=runs)
            for _ in range(warmup):
                self._machine["main"](*self._inputs)
            samples = [float(seconds) * 1e3 for seconds in timer(*self._inputs).results]
        except Exception as error:
            msg = f"TVM's device was lost while it was timed: {error}"
            raise MeasurementError(msg) from error
        if not all(0 < value < float("inf") for value in samples):
            msg = f"a run took {min(samples)} ms by TVM's evaluator: its latency cannot be trusted"
            raise MeasurementError(msg)
        return samples

    def close(self) -> None:
        """Give the device back; may be called twice."""
        self._inputs = []
        # The session ends when nothing refers to it any more.
        self._machine = self._device = self._session = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _greet(config: TvmRpcConfig) -> None:
    """Find out whether a tracker is there: TVM itself would try for a minute."""
    from tvm.rpc import base

    greeting = struct.pack("<i", base.RPC_TRACKER_MAGIC)
    with socket.create_connection((config.host, config.port), timeout=_REACH_S) as probe:
        probe.sendall(greeting)
        if probe.recv(len(greeting)) != greeting:
            msg = "something else answers there"
            raise OSError(msg)


def _await_devices(config: TvmRpcConfig, devices: int) -> None:
    """Servers register some time after they have started."""
    end = time.monotonic() + _REGISTER_S
    while True:
        try:
            found = free_devices(config)
        except TargetError:
            found = 0
        if found >= devices:
            return
        if time.monotonic() > end:
            msg = f"only {found} of {devices} TVM servers registered within {_REGISTER_S:g} s"
            raise TargetError(msg)
        time.sleep(0.05)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((_LOOPBACK, 0))
        return int(probe.getsockname()[1])

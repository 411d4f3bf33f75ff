"""Reaching a Ray cluster, or starting one on this machine."""

import contextlib
import logging
import os
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

from edgeprune.errors import ExecutionError

#: How often Ray is started on this machine, where its own processes are slow to begin.
_STARTS = 3
#: Longest wait for an address to take a connection, and to answer.
_CONNECT_S = 10.0
#: HTTP/2: the type of a frame of settings, the length of a frame's head, how a client opens.
_SETTINGS, _HEAD = 4, 9
_OPENING = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes([0, 0, 0, _SETTINGS, 0, 0, 0, 0, 0])
#: Memory for what workers are sent, of a Ray that is started here; what is more lies on the disk.
_MEMORY = 2**30
#: What Ray reads when it is imported: it sends no statistics, starts nothing by itself once it was
#: shut down, and prints no lines of its own between ours.
_AS_IMPORTED = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ENABLE_AUTO_CONNECT": "0",
    "RAY_DEDUP_LOGS_SKIP_REGEX": "^",
}
_ADVICE = "pip install 'edgeprune[ray]'"


@dataclass(frozen=True)
class Cluster:
    """A Ray that this process is connected to.

    Attributes:
        ray: the module.
        where: the address in words.
        has: its resources by Ray's names: ``CPU``, ``GPU``.
    """

    ray: Any
    where: str
    has: Mapping[str, float] = field(default_factory=dict)

    def check(self, workers: int, cpus: int = 1, gpus: float = 0.0) -> None:
        """Refuse workers that the cluster has no place for.

        Args:
            workers: how many there are to be.
            cpus: processors for each.
            gpus: share of a GPU for each.

        Raises:
            ExecutionError: too few processors or GPUs.
        """
        processors, present = int(self.has.get("CPU", 0)), self.has.get("GPU", 0.0)
        if gpus and not present:
            msg = (
                f"execution.gpus_per_worker is {gpus:g}, but {self.where} has no GPU; allowed: 0, "
                "or a cluster with GPUs"
            )
            raise ExecutionError(msg)
        if gpus and workers * gpus > present:
            most = f"accuracy_workers up to {_fitting(present, gpus)}, or a smaller share"
            msg = (
                f"{workers} workers with {gpus:g} GPUs each need {workers * gpus:g}, but "
                f"{self.where} has {present:g}; allowed: {most}"
            )
            raise ExecutionError(msg)
        if workers * cpus > processors:
            each = f" with {cpus} processors each (cpus_per_worker)" if cpus > 1 else ""
            msg = (
                f"execution.accuracy_workers is {workers}{each}, but {self.where} has {processors} "
                f"processors; allowed: up to {processors // cpus}"
            )
            raise ExecutionError(msg)


@contextmanager
def open_cluster(address: str, processors: int) -> Iterator[Cluster]:
    """Connect to a cluster.

    Args:
        address: ``auto``, ``host:port`` or ``ray://host:port``; see `ExecutionConfig`.
        processors: that its workers are to have in all; one that is started here has as many.

    Raises:
        ExecutionError: Ray is not installed, or no Ray of this version answers at the address.
    """
    ray = _imported()
    found = os.environ.get("RAY_ADDRESS", "") if address == "auto" else address
    if ray.is_initialized():  # the user's own, in a notebook
        yield Cluster(ray, "the Ray of this process", ray.cluster_resources())
        return
    if found and found != "local":
        where = f"the Ray at {found}"
        _connect(ray, found)
    else:
        where = "the Ray started on this machine"
        _start(ray, processors)
    try:
        yield Cluster(ray, where, ray.cluster_resources())
    finally:
        ray.shutdown()


def _imported() -> Any:
    for name, value in _AS_IMPORTED.items():
        os.environ.setdefault(name, value)
    try:
        ray = import_module("ray")
    except ImportError as error:
        msg = f"execution.engine ray needs Ray ({error}): {_ADVICE}"
        raise ExecutionError(msg) from error
    logging.getLogger("ray").setLevel(logging.ERROR)
    return ray


def _start(ray: Any, processors: int) -> None:
    """One for this run, without dashboard.

    It gives its own processes half a minute, which a busy machine may not do in.
    """
    for left in range(_STARTS - 1, -1, -1):
        try:
            ray.init(
                address="local",
                num_cpus=max(processors, os.cpu_count() or 1),
                include_dashboard=False,
                object_store_memory=_MEMORY,
                **_QUIET,
            )
        except Exception as error:  # it raises just that
            with contextlib.suppress(Exception):
                ray.shutdown()
            if not left:
                reason = str(error).strip().splitlines() or [type(error).__name__]
                msg = (
                    f"Ray cannot be started on this machine ({reason[0]}); allowed: engine: local, "
                    "or the address of a Ray that runs"
                )
                raise ExecutionError(msg) from error
        else:
            return


def _connect(ray: Any, address: str) -> None:
    host, _, port = address.removeprefix("ray://").rpartition(":")
    wanted = "a Ray that runs: `ray start --head` on one machine, or address: auto"
    try:
        with socket.create_connection((host, int(port)), timeout=_CONNECT_S) as connection:
            speaks = _speaks_grpc(connection)
    except (OSError, ValueError) as error:
        msg = f"execution.address: nothing answers at {address} ({error}); allowed: {wanted}"
        raise ExecutionError(msg) from error
    if not speaks:  # Ray would go on asking for minutes
        msg = f"execution.address: what answers at {address} is no Ray; allowed: {wanted}"
        raise ExecutionError(msg)
    try:
        ray.init(address=address, **_QUIET)
    except Exception as error:  # of many kinds, gRPC's among them
        with contextlib.suppress(Exception):
            ray.shutdown()
        reason = str(error).strip().splitlines() or [type(error).__name__]
        msg = (
            f"execution.address: no Ray of version {ray.__version__} answers at {address} "
            f"({reason[0]}); allowed: {wanted}, with the same versions of Ray and Python as here"
        )
        raise ExecutionError(msg) from error


def _speaks_grpc(connection: socket.socket) -> bool:
    """Whether HTTP/2's opening is answered with settings, as a gRPC server does."""
    if os.environ.get("RAY_USE_TLS") == "1":
        return True
    connection.sendall(_OPENING)
    head = b""
    with contextlib.suppress(OSError):
        while len(head) < _HEAD and (more := connection.recv(_HEAD - len(head))):
            head += more
    return len(head) == _HEAD and head[3] == _SETTINGS


def _fitting(present: float, gpus: float) -> int:
    return int(present / gpus + 1e-9)


_QUIET: dict[str, Any] = {
    "log_to_driver": False,
    "configure_logging": False,
    "logging_level": logging.ERROR,
}

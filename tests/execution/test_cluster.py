"""Addresses: where Ray answers, where nothing does, and where something else does."""

import http.server
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from edgeprune.errors import ExecutionError
from edgeprune.execution import cluster as room
from edgeprune.execution import open_cluster

ROOT = Path(__file__).parents[2]
#: Another process than the one of these tests, which has a Ray already.
_CONNECT = """
import sys, time
from edgeprune.errors import ExecutionError
from edgeprune.execution import open_cluster
start = time.monotonic()
try:
    with open_cluster(sys.argv[1], 1) as cluster:
        print(cluster.where, int(cluster.has["CPU"]))
except ExecutionError as error:
    print(f"{time.monotonic() - start:.1f} s: {error}")
"""


def _connect(address: str, **environment: str) -> str:
    found = subprocess.run(
        [sys.executable, "-c", _CONNECT, address],
        env=os.environ | {"PYTHONPATH": str(ROOT)} | environment,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert found.returncode == 0, found.stderr[-1000:]
    return found.stdout.strip()


@pytest.fixture
def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@pytest.fixture
def no_ray() -> Iterator[int]:
    """A port at which something else answers."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), http.server.BaseHTTPRequestHandler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_port
    server.shutdown()


def test_a_ray_that_runs_is_used_and_left_running(address: str) -> None:
    assert _connect(address) == f"the Ray at {address} 4"
    assert _connect("auto", RAY_ADDRESS=address) == f"the Ray at {address} 4"


@pytest.mark.parametrize("form", ["127.0.0.1:{}", "ray://127.0.0.1:{}"])
def test_an_address_where_nothing_answers(
    free_port: int, form: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("ray")
    wanted = form.format(free_port)
    start = time.monotonic()
    monkeypatch.setattr(room, "_imported", _Unconnected)
    with (
        pytest.raises(ExecutionError, match=rf"nothing answers at {wanted} .*ray start --head"),
        open_cluster(wanted, 1),
    ):
        pass
    assert time.monotonic() - start < 12


def test_an_address_where_something_else_answers(
    no_ray: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room, "_imported", _Unconnected)
    wanted = f"127.0.0.1:{no_ray}"
    with (
        pytest.raises(ExecutionError, match=rf"what answers at {wanted} is no Ray"),
        open_cluster(wanted, 1),
    ):
        pass


def test_without_ray_the_extra_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with (
        pytest.raises(ExecutionError, match=r"needs Ray .*pip install 'edgeprune\[ray\]'"),
        open_cluster("auto", 1),
    ):
        pass


class _Unconnected:
    """Ray, in a process that has none yet."""

    @staticmethod
    def is_initialized() -> bool:
        return False

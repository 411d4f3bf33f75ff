import json
import os
import signal
import socket
import statistics
import subprocess
import sys
import time
from pathlib import Path

import pytest

from edgeprune.boards import RECIPE_TVM, Board, virtual
from edgeprune.devices.connection import Connection
from edgeprune.devices.interpreter import Interpreter
from edgeprune.devices.ssh import ssh_python
from edgeprune.errors import TargetError
from edgeprune.testing.devices import small_net
from tests.devices.processes import is_gone_soon, is_running


def ssh(board: Board, command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(board.ssh(command), capture_output=True, text=True, timeout=60)


def python_on(board: Board) -> Interpreter:
    return ssh_python(board.reach)


def worker(board: Board) -> Connection:
    return Connection(
        python_on(board), "edgeprune.devices.worker.onnx_runtime", {"threads": 1}, 120.0
    )


def runs_there(board: Board, pid: int) -> bool:
    return ssh(board, f"test -d /proc/{pid}").returncode == 0


def median_ns(board: Board) -> float:
    connection = worker(board)
    try:
        connection.ask("start")
        connection.ask("put", digest="net", content=small_net(16))
        connection.ask("build", model="net")
        for pairs in (5, 20):
            samples = connection.ask("measure", model="net", other="net", pairs=pairs, seconds=60.0)
    finally:
        connection.close()
    return statistics.median(samples["candidate"])


def test_one_logs_in_to_an_arm_machine(virtual_board: Board) -> None:
    done = ssh(virtual_board, "uname -m && cat /etc/edgeprune-board.json")
    assert done.returncode == 0, done.stderr
    machine, facts = done.stdout.splitlines()
    assert machine == "aarch64"
    assert json.loads(facts) == {
        "name": "arm64-virtual",
        "emulated": True,
        "clock_kind": "instructions",
    }


def test_its_python_finds_the_runtimes_and_sends_no_telemetry(virtual_board: Board) -> None:
    code = "import os, numpy, onnxruntime; print(os.environ['ORT_DISABLE_TELEMETRY'])"
    assert ssh(virtual_board, f'python3 -c "{code}"').stdout == "1\n"


def test_it_reaches_nothing_of_this_machine(virtual_board: Board) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        done = ssh(virtual_board, f"nc -w 2 10.0.2.2 {port} < /dev/null")
    assert done.returncode != 0


def test_latency_is_the_same_for_every_worker(virtual_board: Board) -> None:
    first, second = median_ns(virtual_board), median_ns(virtual_board)
    assert first == pytest.approx(second, rel=1e-4)


def test_a_worker_goes_when_its_connection_breaks(virtual_board: Board) -> None:
    connection = worker(virtual_board)
    try:
        pid = connection.ask("start")["pid"]
        assert runs_there(virtual_board, pid)
        # Nothing is said to the worker: as if the network had gone.
        os.kill(connection._io.popen.pid, signal.SIGKILL)
        end = time.monotonic() + 20
        while runs_there(virtual_board, pid) and time.monotonic() < end:
            pass
        assert not runs_there(virtual_board, pid)
    finally:
        connection.close()


def test_another_host_key_is_refused(virtual_board: Board, tmp_path: Path) -> None:
    subprocess.run(
        ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(tmp_path / "other")], check=True
    )
    public = " ".join((tmp_path / "other.pub").read_text().split()[:2])
    known = tmp_path / "known_hosts"
    known.write_text(f"[127.0.0.1]:{virtual_board.port} {public}\n")
    words = virtual_board.ssh("true")
    done = subprocess.run(
        [*words[:1], "-o", f"UserKnownHostsFile={known}", *words[1:]],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 255 and "Host key verification failed" in done.stderr


def test_secrets_are_private(virtual_board: Board) -> None:
    folder = virtual_board.key.parent
    for name in ("id_ed25519", "host_key", "host_key.dropbear", "initrd.cpio"):
        assert (folder / name).stat().st_mode & 0o777 == 0o600


def test_starting_twice_gives_the_same_board(virtual_board: Board) -> None:
    name = virtual_board.alias.removeprefix("edgeprune-")
    assert virtual.start(name=name) == virtual_board == virtual.status(name)
    other = virtual_board.port % 65535 + 1
    with pytest.raises(TargetError, match=f"already runs on port {virtual_board.port}, not"):
        virtual.start(name=name, port=other)


def test_a_taken_port_is_named(virtual_board: Board, second_name: str) -> None:
    with pytest.raises(TargetError, match=f"port {virtual_board.port} is taken"):
        virtual.start(name=second_name, port=virtual_board.port)


def test_it_outlives_who_started_it_and_stop_leaves_nothing(
    virtual_board: Board, second_name: str
) -> None:
    code = f"from edgeprune.boards import virtual; print(virtual.start(name={second_name!r}).pid)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    board = virtual.status(second_name)
    assert board is not None and board.pid == int(done.stdout) and is_running(board.pid)
    assert board.pid != virtual_board.pid
    assert virtual.stop(second_name)
    assert not is_running(board.pid)
    assert virtual.status(second_name) is None
    assert is_running(virtual_board.pid)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_a_start_that_was_ended_leaves_no_second_board(
    second_name: str, number: signal.Signals
) -> None:
    code = f"from edgeprune.boards import virtual; virtual.start(name={second_name!r})"
    session = virtual._session(second_name)
    starting = subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.DEVNULL)
    try:
        while (orphan := session.pid()) is None:
            assert starting.poll() is None
            time.sleep(0.05)
        starting.send_signal(number)
        starting.wait()
        assert virtual.status(second_name) is None
        if number == signal.SIGKILL:
            assert is_running(orphan)
            assert virtual.stop(second_name)
        assert is_gone_soon(orphan)
    finally:
        starting.kill()
        starting.wait()


def test_the_limit_for_booting_is_kept(second_name: str) -> None:
    with pytest.raises(TargetError, match=r"did not answer in 0\.1 s"):
        virtual.start(name=second_name, timeout_s=0.1)
    assert virtual._session(second_name).pid() is None


@pytest.mark.slow
def test_tvm_runs_on_it(second_name: str) -> None:
    board = virtual.start(recipe=RECIPE_TVM, name=second_name)
    done = ssh(board, 'python3 -c "import tvm; print(tvm.__version__)"')
    assert done.stdout.startswith("0.27"), done.stderr

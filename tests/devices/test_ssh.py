"""Devices over SSH: a real server on loopback."""

import os
import signal
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from edgeprune.config import MeasureConfig, TargetConfig
from edgeprune.config.reach import SshConfig
from edgeprune.devices import Device, open_device
from edgeprune.devices.connection import Connection
from edgeprune.devices.remote import RemoteDevice
from edgeprune.errors import MeasurementError, TargetError
from edgeprune.testing.devices import DeviceConformance, small_net
from edgeprune.testing.sshd import NEEDS_SSHD, Server, make_key, ssh_server
from tests.devices.processes import is_gone_soon

pytestmark = NEEDS_SSHD


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with ssh_server(tmp_path_factory.mktemp("server"), sys.executable) as running:
        yield running


def board(config: SshConfig, **measure: Any) -> TargetConfig:
    settings = {"warmup": 2, "runs": 30, "timeout_s": 60} | measure
    return TargetConfig(name="board", kind="ssh", ssh=config, measure=MeasureConfig(**settings))


class TestOverSsh(DeviceConformance):
    @pytest.fixture
    def device(self, server: Server) -> Iterator[Device]:
        with open_device(board(server.config)) as device:
            yield device


def test_the_worker_goes_when_the_device_is_closed(server: Server) -> None:
    device = open_device(board(server.config))
    assert isinstance(device, RemoteDevice)
    pid = device.worker_pid
    device.close()
    assert is_gone_soon(pid)


def test_a_host_that_is_configured_needs_only_its_name(server: Server) -> None:
    file = server.folder / "ssh config"
    known = server.config
    file.write_text(
        f'Host desk\nHostName {known.host}\nPort {known.port}\nIdentityFile "{known.key}"\n'
        f'UserKnownHostsFile "{known.known_hosts}"\n'
    )
    config = SshConfig(host="desk", config=file, python=known.python)
    with open_device(board(config)) as device:
        assert device.conditions()["kind"] == "ssh"


def _refused(config: SshConfig) -> str:
    with pytest.raises(TargetError) as caught:
        open_device(board(config, timeout_s=30))
    message = str(caught.value)
    assert message.startswith("target 'board': ") and "Traceback" not in message
    return message


def test_a_host_key_that_is_not_known(server: Server, tmp_path: Path) -> None:
    message = _refused(server.but(known_hosts=tmp_path / "empty"))
    assert "host key is not known; look at it and accept it once: ssh-keyscan -p" in message


def test_another_machine_under_the_same_name(server: Server, tmp_path: Path) -> None:
    other = make_key(tmp_path / "other")
    (tmp_path / "known").write_text(f"[127.0.0.1]:{server.config.port} {other}")
    message = _refused(server.but(known_hosts=tmp_path / "known"))
    assert "not the one that is known" in message and "ssh-keygen -R" in message


def test_a_key_that_is_not_let_in(server: Server, tmp_path: Path) -> None:
    make_key(tmp_path / "mine")
    message = _refused(server.but(key=tmp_path / "mine"))
    assert "does not accept the key" in message and "ssh-copy-id -i" in message


def test_a_key_that_is_not_there(server: Server, tmp_path: Path) -> None:
    assert f"there is no key {tmp_path / 'mine'}" in _refused(server.but(key=tmp_path / "mine"))


def test_a_closed_port(server: Server) -> None:
    assert "refuses connections on port 1: start its SSH server" in _refused(server.but(port=1))


def test_a_host_that_is_not_there(server: Server) -> None:
    message = _refused(server.but(host="board.invalid"))
    assert "there is no host 'board.invalid'; check ssh.host" in message


def test_a_python_that_is_not_there(server: Server) -> None:
    assert "no 'python9' on the device; install" in _refused(server.but(python="python9"))


def test_a_python_that_is_too_old(server: Server) -> None:
    old = server.folder / "python3.6"
    # What Python 3.6 says to the first line of execnet's own source.
    old.write_text(
        "#!/bin/sh\necho 'SyntaxError: future feature annotations is not defined' >&2\nexit 1\n"
    )
    old.chmod(0o755)
    assert "too old; 3.8 or later" in _refused(server.but(python=str(old)))


def test_a_python_without_numpy(server: Server) -> None:
    bare = server.folder / "bare"
    bare.write_text(f'#!/bin/sh\nexec {sys.executable} -S -E "$@"\n')
    bare.chmod(0o755)
    message = _refused(server.but(python=str(bare)))
    assert "No module named 'numpy'; install it on the device" in message


def test_a_shell_that_talks_at_login(server: Server) -> None:
    noisy = server.folder / "noisy"
    noisy.write_text(f'#!/bin/sh\necho Welcome!\nexec {sys.executable} "$@"\n')
    noisy.chmod(0o755)
    assert "print text at every login" in _refused(server.but(python=str(noisy)))


def test_a_connection_that_breaks_once_is_made_again(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_device(board(server.config)) as device:
        _break_when_measuring(server, monkeypatch, times=1)
        assert device.compare(small_net(16), small_net(64)).ratio < 1


def test_a_connection_that_breaks_again_is_an_error(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_device(board(server.config)) as device:
        _break_when_measuring(server, monkeypatch, times=2)
        with pytest.raises(MeasurementError, match="lost, and lost again"):
            device.compare(small_net(16), small_net(64))


def _break_when_measuring(server: Server, monkeypatch: pytest.MonkeyPatch, times: int) -> None:
    ask, left = Connection.ask, [times]

    def cut() -> None:
        for pid in server.sessions():
            os.kill(pid, signal.SIGKILL)

    def watched(self: Connection, step: str, **arguments: Any) -> dict[str, Any]:
        if step == "measure" and left[0]:
            left[0] -= 1
            arguments |= {"pairs": 10**7}
            threading.Timer(0.2, cut).start()
        return ask(self, step, **arguments)

    monkeypatch.setattr(Connection, "ask", watched)


@pytest.mark.parametrize(
    "change",
    [
        {"host": "-oProxyCommand=touch /tmp/x"},
        {"host": "board;reboot"},
        {"host": "$(reboot)"},
        {"user": "me`id`"},
        {"user": "-v"},
        {"jump": "gate,-oProxyCommand=x"},
        {"python": "python3;reboot"},
        {"python": "python3 -c 1"},
        {"python": "-x"},
        {"port": 0},
        {"port": 65536},
    ],
)
def test_nothing_a_shell_would_read_gets_in(change: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match=r"must be|Input should be"):
        SshConfig(**({"host": "board"} | change))


def test_odd_file_names_stay_one_word(server: Server) -> None:
    odd = server.folder / "it's $HOME;100%h"
    odd.mkdir()
    for name in ("client", "known_hosts"):
        (odd / name).write_bytes((server.folder / name).read_bytes())
        (odd / name).chmod(0o600)
    config = server.but(key=odd / "client", known_hosts=odd / "known_hosts")
    with open_device(board(config)) as device:
        assert device.conditions()["runtime"] == "onnxruntime"

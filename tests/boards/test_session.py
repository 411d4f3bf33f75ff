import os
import subprocess
import sys
from pathlib import Path

import pytest

from edgeprune.boards import virtual
from edgeprune.boards.session import Board, Session
from edgeprune.errors import TargetError


@pytest.fixture
def session(empty_store: Path) -> Session:
    session = Session("mine")
    session.prepare()
    return session


def remembered(session: Session, pid: int) -> Board:
    """A board whose state has been written."""
    board = session.describe(pid, 2222, Path("key"), "ssh-ed25519 AAAA", "virtual-0")
    session.remember(board)
    session.pid_file.write_text(f"{pid}\n")
    return board


def test_no_board_no_status(session: Session) -> None:
    assert session.board() is None and session.pid() is None
    assert virtual.status("mine") is None
    assert virtual.stop("mine") is False


def test_a_process_of_the_same_number_is_not_the_board_and_is_left_alone(session: Session) -> None:
    other = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    try:
        remembered(session, other.pid)
        assert session.board() is None
        assert virtual.stop("mine") is False
        assert other.poll() is None
    finally:
        other.kill()
        other.wait()


def test_the_state_of_a_process_that_is_gone_is_stale(session: Session) -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    remembered(session, gone.pid)
    assert session.board() is None
    assert virtual.stop("mine") is False
    assert not session.folder.exists()


def test_a_running_board_is_read_back_and_ended(session: Session, tmp_path: Path) -> None:
    # A process that looks like this board's emulator in the process table.
    words = ["qemu-system-aarch64", "-c", "import time; time.sleep(60)", "-pidfile"]
    process = subprocess.Popen([*words, str(session.pid_file)], executable=sys.executable)
    try:
        board = remembered(session, process.pid)
        while session.board() is None and process.poll() is None:
            pass
        assert session.board() == board
        assert session.pid() == process.pid
        # It has to be reaped by its parent, this process, before it is gone.
        assert virtual.stop("mine") is True
        assert virtual.status("mine") is None
        assert process.wait() == -15
    finally:
        process.kill()
        process.wait()


@pytest.mark.parametrize("text", ["", "{", "[]", '{"pid": 1}', '{"key": 3}'])
def test_a_damaged_state_is_no_board(session: Session, text: str) -> None:
    (session.folder / "state.json").write_text(text)
    assert session.board() is None


def test_ssh_reads_the_configuration_even_with_odd_paths(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EDGEPRUNE_CACHE", str(tmp_path / "a 50% folder"))
    session = Session("mine")
    session.prepare()
    key = session.folder / "the key"
    board = session.describe(os.getpid(), 2222, key, "ssh-ed25519 AAAA", "virtual-0")
    shown = subprocess.run(
        ["ssh", "-G", *board.ssh()[1:]], capture_output=True, text=True, check=True
    ).stdout.splitlines()
    assert "port 2222" in shown and "user root" in shown and "hostname 127.0.0.1" in shown
    assert "stricthostkeychecking true" in shown
    assert board.known_hosts.read_text() == "[127.0.0.1]:2222 ssh-ed25519 AAAA\n"
    assert session.folder.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("name", ["", "../up", "-o", "a b", "a/b", ".hidden", "x" * 65])
def test_a_name_is_only_a_name(empty_store: Path, name: str) -> None:
    with pytest.raises(TargetError, match="not a name for a virtual board"):
        virtual.status(name)


@pytest.mark.parametrize("port", [0, -1, 65536])
def test_a_port_is_only_a_port(empty_store: Path, port: int) -> None:
    with pytest.raises(TargetError, match="allowed: 1 to 65535"):
        virtual.start(name="mine", port=port)

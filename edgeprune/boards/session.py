"""The files of a running virtual board, and whether it still runs."""

import json
import os
import shutil
import signal
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from edgeprune.boards.architecture import ARM64, ARMHF
from edgeprune.boards.store import reported, store
from edgeprune.config.reach import SshConfig
from edgeprune.files import write_atomic, write_json

_EMULATORS = {one.system for one in (ARM64, ARMHF)}
#: How long qemu may take to go before it is killed, seconds.
_GRACE_S = 5.0


@dataclass(frozen=True)
class Board:
    """A running virtual board, reached by SSH.

    Attributes:
        host: address, of this machine only.
        port: of the SSH server.
        user: who logs in.
        key: secret key to log in with.
        known_hosts: file with the server's key.
        pid: of the emulator.
        alias: host name of the board in `ssh_config`.
        ssh_config: for ``ssh -F``.
        image: key of what it booted.
        started: when, seconds since 1970.
    """

    host: str
    port: int
    user: str
    key: Path
    known_hosts: Path
    pid: int
    alias: str
    ssh_config: Path
    image: str
    started: float

    @property
    def reach(self) -> SshConfig:
        """How it is reached, as the ``ssh`` section of a profile says it."""
        return SshConfig(
            host=self.host,
            port=self.port,
            user=self.user,
            key=self.key,
            known_hosts=self.known_hosts,
        )

    def ssh(self, *words: str) -> list[str]:
        """The command that runs one there; the words are read by the board's shell."""
        return ["ssh", "-F", str(self.ssh_config), self.alias, *words]


class Session:
    """The folder of one named board.

    Args:
        name: boards of different names run side by side.

    Raises:
        TargetError: the cache cannot be written.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        boards = store() / "running"
        with reported():
            boards.mkdir(mode=0o700, exist_ok=True)
        self.folder = boards / name
        self.lock = boards / f".{name}.lock"
        self.pid_file = self.folder / "qemu.pid"
        self.serial = self.folder / "serial.log"
        self._state = self.folder / "state.json"

    def prepare(self) -> None:
        """Make the folder, empty, for a board that is to be started.

        Raises:
            TargetError: the cache cannot be written.
        """
        with reported():
            self.folder.mkdir(mode=0o700)

    def board(self) -> Board | None:
        """The board, if it has been seen to answer and its process is still there."""
        try:
            state: dict[str, Any] = json.loads(self._state.read_text(encoding="utf-8"))
            for key in ("key", "known_hosts", "ssh_config"):
                state[key] = Path(state[key])
            board = Board(**state)
        except (OSError, ValueError, TypeError, KeyError):
            # None has run, or another version of edgeprune wrote it.
            return None
        return board if self._is_ours(board.pid) else None

    def pid(self) -> int | None:
        """The emulator's process, ready or not; None if there is none."""
        try:
            pid = int(self.pid_file.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None
        return pid if self._is_ours(pid) else None

    def describe(self, pid: int, port: int, key: Path, host_key: str, image: str) -> Board:
        """Write the files that SSH reads; the board they describe."""
        known_hosts, config = self.folder / "known_hosts", self.folder / "ssh_config"
        alias, host, user = f"edgeprune-{self.name}", "127.0.0.1", "root"
        settings = {
            "HostName": host,
            "Port": port,
            "User": user,
            "IdentityFile": _quoted(key),
            "UserKnownHostsFile": _quoted(known_hosts),
            "GlobalKnownHostsFile": "none",
            "StrictHostKeyChecking": "yes",
            "IdentitiesOnly": "yes",
            "IdentityAgent": "none",
            "BatchMode": "yes",
            "ConnectTimeout": 15,
        }
        lines = [f"Host {alias}", *(f"  {name} {value}" for name, value in settings.items())]
        with reported():
            write_atomic(known_hosts, f"[{host}]:{port} {host_key}\n".encode())
            write_atomic(config, ("\n".join(lines) + "\n").encode())
        return Board(
            host, port, user, key, known_hosts, pid, alias, config, image, round(time.time(), 3)
        )

    def remember(self, board: Board) -> None:
        """From now on it is the running board."""
        with reported():
            write_json(
                self._state,
                {
                    name: str(value) if isinstance(value, Path) else value
                    for name, value in asdict(board).items()
                },
            )

    def end(self) -> bool:
        """End the emulator, wait until it is gone, remove the folder; whether there was one."""
        pid = self.pid()
        if pid is not None:
            for number in (signal.SIGTERM, signal.SIGKILL):
                os.kill(pid, number)
                if self._is_gone(pid):
                    break
        shutil.rmtree(self.folder, ignore_errors=True)
        return pid is not None

    def said(self) -> str:
        """What the board wrote to its serial line."""
        try:
            return self.serial.read_text(errors="replace")
        except OSError:
            return ""

    def _is_ours(self, pid: int) -> bool:
        """Whether the process is this board's emulator and not a later one of the same number."""
        try:
            words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        except OSError:
            return False
        name = os.path.basename(os.fsdecode(words[0]))
        return name in _EMULATORS and os.fsencode(self.pid_file) in words

    def _is_gone(self, pid: int) -> bool:
        end = time.monotonic() + _GRACE_S
        while self._is_ours(pid):
            if time.monotonic() > end:
                return False
            time.sleep(0.02)
        return True


def _quoted(path: Path) -> str:
    # ssh expands %-tokens in these two settings.
    return '"' + str(path).replace("%", "%%") + '"'

"""A private SSH server on loopback: real keys, real host keys, no part of this machine's own."""

import contextlib
import getpass
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from edgeprune.config.reach import SshConfig

SERVER = shutil.which("sshd", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
NEEDS_SSHD = pytest.mark.skipif(
    SERVER is None and "CI" not in os.environ, reason="no sshd: apt install openssh-server"
)


@dataclass(frozen=True)
class Server:
    """A running server.

    Attributes:
        config: reaches it, with everything right.
        folder: its keys, and files for tests.
        pid: of the server that listens.
    """

    config: SshConfig
    folder: Path
    pid: int

    def but(self, **changes: object) -> SshConfig:
        """The configuration with something else in it."""
        return SshConfig(**{**self.config.model_dump(), **changes})

    def sessions(self) -> list[int]:
        """Process ids of the open connections' servers."""
        listed = subprocess.run(
            ["pgrep", "-P", str(self.pid)], capture_output=True, text=True, check=False
        )
        return [int(line) for line in listed.stdout.split()]


def make_key(path: Path) -> str:
    """Make a key pair; gives the public key's line."""
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(path)], check=True)
    return path.with_suffix(".pub").read_text()


@contextlib.contextmanager
def ssh_server(folder: Path, python: str) -> Iterator[Server]:
    """Start a server that lets the user of this process in with one key."""
    assert SERVER is not None
    for name in ("host", "client"):
        make_key(folder / name)
    shutil.copy(folder / "client.pub", folder / "authorized_keys")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    (folder / "known_hosts").write_text(f"[127.0.0.1]:{port} {(folder / 'host.pub').read_text()}")
    settings = {
        "Port": port,
        "ListenAddress": "127.0.0.1",
        "HostKey": folder / "host",
        "AuthorizedKeysFile": folder / "authorized_keys",
        "PidFile": "none",
        "UsePAM": "no",
        "StrictModes": "no",
        "PasswordAuthentication": "no",
        "KbdInteractiveAuthentication": "no",
        "PermitRootLogin": "prohibit-password",
    }
    file = folder / "sshd_config"
    file.write_text("".join(f"{key} {value}\n" for key, value in settings.items()))
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)  # for its unprivileged half
    with (folder / "log").open("w") as log:
        process = subprocess.Popen([SERVER, "-D", "-e", "-f", str(file)], stderr=log)
    try:
        _wait_for(port, process, folder / "log")
        config = SshConfig(
            host="127.0.0.1",
            port=port,
            user=getpass.getuser(),
            key=folder / "client",
            known_hosts=folder / "known_hosts",
            config=Path("/dev/null"),
            python=python,
        )
        yield Server(config, folder, process.pid)
    finally:
        process.terminate()
        process.wait(10)


def _wait_for(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    for _ in range(200):
        if process.poll() is not None:
            raise RuntimeError(log.read_text())
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.05)
    raise RuntimeError(log.read_text())

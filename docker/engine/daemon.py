"""A rootless Docker daemon and a registry, both on loopback or a socket, ended with the block."""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from engine.bake import Target
from engine.bases import NAMESPACE

_REGISTRY = """\
version: 0.1
storage: {{filesystem: {{rootdirectory: {folder}}}}}
http: {{addr: {address}}}
log: {{level: error}}
"""
#: What no network of the machine is touched by.
_OPTIONS = (
    *("--rootless", "--bridge=none", "--iptables=false", "--ip6tables=false"),
    *("--ip-forward=false", "--ip-masq=false", "--userland-proxy=false"),
)
_START_S, _STOP_S = 120.0, 60.0


@dataclass(frozen=True)
class Engine:
    """A running daemon.

    Attributes:
        socket: its address.
        program: the client, which has to be the daemon's own: others lack its builder.
    """

    socket: str
    program: str = "/usr/bin/docker"

    def docker(self, *words: str | Path, told: bool = True) -> str:
        """Run the client; its output.

        Raises:
            subprocess.CalledProcessError: it failed; what it said is on standard error.
        """
        done = subprocess.run(
            [self.program, *map(str, words)],
            env=os.environ | {"DOCKER_HOST": self.socket, "DOCKER_BUILDKIT": "1"},
            stdout=subprocess.PIPE,
            stderr=None if told else subprocess.DEVNULL,
            text=True,
            check=True,
        )
        return done.stdout.strip()

    def build(self, target: Target, context: Path, *, cached: bool) -> float:
        """Build a target of the bake file; seconds that it took."""
        args = {"PIP_NO_INDEX": "1", **target.args}
        words = [
            word for name, value in args.items() for word in ("--build-arg", f"{name}={value}")
        ]
        start = time.perf_counter()
        self.docker(
            *("build", "--quiet", "--network", "host", "--platform", target.platform),
            *([] if cached else ["--no-cache"]),
            *words,
            *("--file", context / target.dockerfile, "--tag", target.tag, context),
        )
        return time.perf_counter() - start


@contextmanager
def registry(folder: Path) -> Iterator[str]:
    """A registry on loopback; host and port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{probe.getsockname()[1]}"
    settings = folder / "registry.yml"
    settings.write_text(_REGISTRY.format(folder=folder / "registry", address=address))
    with _process(["docker-registry", "serve", settings], folder / "registry.log"):
        _wait(lambda: _answers(address), "the registry", folder / "registry.log")
        yield address


@contextmanager
def engine(folder: Path, mirror: str, *, offline: bool = False) -> Iterator[Engine]:
    """A Docker daemon whose data is in a folder.

    Args:
        folder: of the data; its path is short, for a socket's has at most 108 characters.
        mirror: registry with the base images, host and port.
        offline: it can run containers, and reaches no registry; else it can build.
    """
    place = folder / "docker.sock"
    (folder / "docker.pid").unlink(missing_ok=True)
    command = [
        *(*NAMESPACE, *(["--offline"] if offline else []), "dockerd", *_OPTIONS),
        "--storage-driver=vfs",
        *("--data-root", folder / "data", "--exec-root", folder / "exec"),
        *("--host", f"unix://{place}", "--pidfile", folder / "docker.pid"),
        *("--registry-mirror", f"http://{mirror}"),
    ]
    (folder / "xdg").mkdir(mode=0o700, exist_ok=True)
    found = Engine(f"unix://{place}")
    with _process(command, folder / "dockerd.log", XDG_RUNTIME_DIR=str(folder / "xdg")):
        _wait(lambda: _up(found), "dockerd", folder / "dockerd.log")
        yield found


@contextmanager
def _process(command: Sequence[str | Path], log: Path, **environment: str) -> Iterator[None]:
    with log.open("wb") as file:
        process = subprocess.Popen(
            list(map(str, command)),
            env=os.environ | environment,
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            # To its end: the next daemon takes over the data.
            process.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _answers(address: str) -> bool:
    host, _, port = address.partition(":")
    with socket.socket() as probe:
        return probe.connect_ex((host, int(port))) == 0


def _up(found: Engine) -> bool:
    try:
        found.docker("version", told=False)
    except subprocess.CalledProcessError:
        return False
    return True


def _wait(ready: Callable[[], bool], name: str, log: Path) -> None:
    end = time.monotonic() + _START_S
    while not ready():
        if time.monotonic() > end:
            msg = f"{name} did not start; the end of {log}:\n{log.read_text()[-2000:]}"
            raise SystemExit(msg)
        time.sleep(0.5)

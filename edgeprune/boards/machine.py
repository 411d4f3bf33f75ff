"""The emulator of the virtual board: its command line, and starting it."""

import socket
from pathlib import Path

from edgeprune.boards.architecture import Architecture
from edgeprune.boards.image import Image
from edgeprune.boards.programs import run
from edgeprune.boards.session import Session
from edgeprune.errors import TargetError

#: An initial RAM disk is there twice while it is unpacked: TVM's takes 0.6 GB.
_MEMORY_MB = 2048
#: Another process may take a port between our finding it free and qemu's taking it.
_PORT_ATTEMPTS = 3
#: What qemu says of a port that it cannot have.
_NO_PORT = "host forwarding rule"


def boot(session: Session, files: Image, architecture: Architecture, port: int | None) -> int:
    """Start the emulator in the background, without waiting for the board.

    Args:
        session: where its process id and its serial line's text go.
        files: what it boots.
        architecture: of its processor.
        port: of the SSH server on this machine; a free one if not given.

    Returns:
        The port.

    Raises:
        TargetError: it cannot be started, or the port is taken.
    """
    for attempt in range(1, _PORT_ATTEMPTS + 1):
        chosen = _free_port() if port is None else port
        session.serial.unlink(missing_ok=True)
        try:
            command = _command(session, files, architecture, chosen)
            run(command, "starting the virtual board", timeout_s=60.0)
        except TargetError as error:
            if _NO_PORT not in str(error):
                raise
            if port is not None:
                msg = f"virtual board: port {port} is taken on this machine; choose another"
                raise TargetError(msg) from error
            if attempt == _PORT_ATTEMPTS:
                raise
        else:
            break
    return chosen


def _command(session: Session, files: Image, architecture: Architecture, port: int) -> list[str]:
    return [
        *(architecture.system, "-name", f"edgeprune-{session.name}"),
        *("-M", "virt", "-cpu", architecture.cpu, "-smp", "1", "-m", str(_MEMORY_MB)),
        # One instruction is one nanosecond. While the board has nothing to do its clock follows
        # the real one: with sleep=off it would race through days, at a full core's cost.
        *("-icount", "shift=0,sleep=on"),
        *("-kernel", str(files.kernel), "-initrd", str(files.initrd)),
        # Addresses that differ from boot to boot would change the order in hash tables.
        *("-append", "console=ttyAMA0 quiet panic=-1 norandmaps"),
        *("-nodefaults", "-no-user-config", "-no-reboot", "-display", "none", "-monitor", "none"),
        *(
            "-chardev",
            f"file,id=serial,path={_escaped(session.serial)}",
            "-serial",
            "chardev:serial",
        ),
        # Restricted: the board reaches neither this machine nor the network.
        *("-netdev", f"user,id=net,restrict=on,hostfwd=tcp:127.0.0.1:{port}-:22"),
        *("-device", "virtio-net-device,netdev=net"),
        # qemu returns when it has taken the port, and tells if it could not.
        *("-daemonize", "-pidfile", str(session.pid_file)),
    ]


def _escaped(path: Path) -> str:
    return str(path).replace(",", ",,")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])

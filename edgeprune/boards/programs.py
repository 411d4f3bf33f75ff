"""The programs that the boards are made of, and how to get them."""

import os
import shutil
import subprocess
from collections.abc import Iterable, Sequence
from pathlib import Path

from edgeprune.boards.architecture import ARM64
from edgeprune.errors import TargetError
from edgeprune.finished import finished

#: Program -> the Debian or Ubuntu package that has it.
PACKAGES = {
    "apt-get": "apt",
    "dpkg-deb": "dpkg",
    "qemu-aarch64-static": "qemu-user-static",
    "qemu-arm-static": "qemu-user-static",
    "qemu-system-aarch64": "qemu-system-arm",
    "qemu-system-arm": "qemu-system-arm",
    "ssh": "openssh-client",
    "ssh-keygen": "openssh-client",
}
#: Lines of a failed program's output that a message repeats.
_TOLD_LINES = 5


def missing_programs(wanted: Iterable[str] = ARM64.virtual_programs) -> list[str]:
    """Those of the programs that are not on the PATH, in the order given."""
    return [program for program in wanted if shutil.which(program) is None]


def check_programs(wanted: Iterable[str] = ARM64.virtual_programs) -> None:
    """Nothing, if all programs are there.

    Args:
        wanted: names from `PACKAGES`; an `Architecture` knows what its boards need.

    Raises:
        TargetError: names what is missing and the command that installs it.
    """
    missing = missing_programs(wanted)
    if not missing:
        return
    packages = " ".join(dict.fromkeys(PACKAGES[program] for program in missing))
    msg = (
        f"an ARM board on this machine needs {', '.join(missing)}; "
        f"install: sudo apt-get install --no-install-recommends {packages}"
    )
    raise TargetError(msg)


def run(
    command: Sequence[str | Path],
    purpose: str,
    *,
    folder: Path | None = None,
    timeout_s: float = 900.0,
) -> str:
    """Run a program to its end; what it wrote to its standard output.

    Args:
        command: program and arguments; no shell reads them.
        purpose: what an error message calls it.
        folder: where it runs; the current one if not given.
        timeout_s: limit, seconds.

    Raises:
        TargetError: it cannot be started, failed, or took too long.
    """
    try:
        # Messages and tables in the language that callers look for words in.
        environment = os.environ | {"LC_ALL": "C.UTF-8"}
        done = finished(command, timeout_s, folder=folder, environment=environment)
    except subprocess.TimeoutExpired as error:
        msg = f"{purpose} did not end within {timeout_s:g} s and was stopped"
        raise TargetError(msg) from error
    except OSError as error:
        msg = f"{purpose}: {command[0]} cannot be started: {error.strerror}"
        raise TargetError(msg) from error
    if done.returncode != 0:
        lines = (done.stderr.strip() or done.stdout.strip()).splitlines()
        told = "\n  ".join(lines[-_TOLD_LINES:])
        msg = f"{purpose} failed ({Path(command[0]).name}, exit code {done.returncode}):\n  {told}"
        raise TargetError(msg)
    return done.stdout

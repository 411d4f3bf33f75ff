"""Running what was built for another processor on this machine, under user-mode emulation."""

import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from edgeprune.boards.recipe import guest_file
from edgeprune.deploy.elf import elf_facts
from edgeprune.deploy.toolchains import Toolchain
from edgeprune.errors import TargetError
from edgeprune.finished import finished

#: Emulates every processor feature there is, slowly.
_EVERYTHING = "max"


class NotRunnable(TargetError):
    """The emulator or the libraries that a program needs are not installed here."""


@contextmanager
def command_for(program: Path, toolchain: Toolchain, cpu: str | None) -> Iterator[list[str]]:
    """The command that runs a program of a toolchain on this machine.

    Args:
        program: what was built.
        toolchain: what built it.
        cpu: processor to emulate; one that qemu does not know, or None, gets a likely one.

    Raises:
        NotRunnable: the emulator, or the cross compiler's libraries, are not installed.
    """
    if toolchain.native:
        yield [str(program)]
        return
    if shutil.which(toolchain.emulator) is None:
        msg = f"{toolchain.emulator} is not installed (apt-get install qemu-user-static)"
        raise NotRunnable(msg)
    command = [toolchain.emulator, "-cpu", _emulated(toolchain, cpu), "-U", "LD_PRELOAD"]
    if elf_facts(program).static:
        yield [*command, str(program)]
        return
    with _system(toolchain) as folder:
        yield [*command, "-U", "LD_LIBRARY_PATH", "-L", str(folder), str(program)]


def run_here(
    program: Path,
    arguments: Sequence[str | Path],
    toolchain: Toolchain,
    cpu: str | None,
    *,
    timeout_s: float,
) -> subprocess.CompletedProcess[str]:
    """Run a program of a toolchain to its end, whatever it says.

    Raises:
        NotRunnable: what it needs is not installed, or it took too long.
    """
    with command_for(program, toolchain, cpu) as command:
        try:
            return finished([*command, *arguments], timeout_s)
        except subprocess.TimeoutExpired as error:
            msg = f"{program.name} took more than {timeout_s:g} s under emulation"
            raise NotRunnable(msg) from error


@contextmanager
def _system(toolchain: Toolchain) -> Iterator[Path]:
    """The cross compiler's libraries as a system's root, and the processor that it seems to have.

    qemu hands on this machine's /proc/cpuinfo, which ONNX Runtime's reader of ARM's crashes on.
    """
    libraries = Path("/usr") / toolchain.triple / "lib"
    if not libraries.is_dir():
        msg = f"{libraries} with the libraries of {toolchain.architecture} is not here: make cross"
        raise NotRunnable(msg)
    with tempfile.TemporaryDirectory(prefix="edgeprune-") as folder:
        root = Path(folder)
        (root / "lib").symlink_to(libraries)
        (root / "proc").mkdir()
        (root / "proc/cpuinfo").write_bytes(guest_file("cpuinfo"))
        yield root


def _emulated(toolchain: Toolchain, cpu: str | None) -> str:
    wanted = cpu or toolchain.cpu
    listed = subprocess.run(
        [toolchain.emulator, "-cpu", "help"], capture_output=True, text=True, check=False
    )
    return wanted if wanted in listed.stdout.split() else _EVERYTHING

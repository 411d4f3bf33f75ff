"""The cross compilers: one for each architecture that a profile may name."""

import platform
import shutil
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from edgeprune.config import TargetConfig
from edgeprune.errors import TargetError


@dataclass(frozen=True)
class Toolchain:
    """What builds programs for an architecture.

    Attributes:
        architecture: as a profile names it.
        triple: prefix of the compiler's programs, and name of its CMake file.
        debian: what Debian and Docker call the architecture.
        emulator: qemu's program that runs its programs here.
        cpu: processor that is emulated where a profile names none that qemu knows.
    """

    architecture: str
    triple: str
    debian: str
    emulator: str
    cpu: str

    @property
    def compiler(self) -> str:
        """The C++ compiler."""
        return f"{self.triple}-g++"

    @property
    def cmake_file(self) -> Path:
        """What CMake is told of it."""
        return runner_sources() / "toolchains" / f"{self.triple}.cmake"

    @property
    def native(self) -> bool:
        """Whether its programs run on this machine as they are."""
        return self.architecture == platform.machine()


#: Architecture -> its toolchain.
TOOLCHAINS = {
    one.architecture: one
    for one in (
        Toolchain("x86_64", "x86_64-linux-gnu", "amd64", "qemu-x86_64-static", "max"),
        Toolchain("aarch64", "aarch64-linux-gnu", "arm64", "qemu-aarch64-static", "cortex-a72"),
        Toolchain("armv7l", "arm-linux-gnueabihf", "armhf", "qemu-arm-static", "cortex-a7"),
    )
}


def runner_sources() -> Path:
    """The folder of the runner's C++ sources and CMake files."""
    return Path(str(resources.files("edgeprune.deploy").joinpath("runner")))


def toolchain_of(target: TargetConfig) -> Toolchain:
    """The toolchain of a target's architecture; this machine's, where the target is this machine.

    Raises:
        TargetError: the profile names no architecture, or there are no compilers for this machine.
    """
    architecture = target.architecture
    if architecture is None and target.kind == "local":
        architecture = platform.machine()  # type: ignore[assignment]
    if architecture is None:
        msg = (
            f"target {target.name!r} names no architecture, so nothing can be built for it; add "
            f"one to its profile: {', '.join(TOOLCHAINS)}"
        )
        raise TargetError(msg)
    if architecture not in TOOLCHAINS:
        msg = f"nothing is built for {architecture}; allowed: {', '.join(TOOLCHAINS)}"
        raise TargetError(msg)
    return TOOLCHAINS[architecture]


def check_toolchain(toolchain: Toolchain) -> None:
    """Nothing, if its programs are there.

    Raises:
        TargetError: names what is missing and the command that installs it.
    """
    wanted = ("cmake", f"{toolchain.triple}-gcc", toolchain.compiler)
    missing = [program for program in wanted if shutil.which(program) is None]
    if missing:
        msg = (
            f"building for {toolchain.architecture} needs {', '.join(missing)}; install: "
            f"make cross, or: sudo apt-get install cmake g++-{toolchain.triple.replace('_', '-')}"
            " (or build with --in-docker)"
        )
        raise TargetError(msg)

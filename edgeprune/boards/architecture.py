"""The processors that boards are made with: what they are called, and what emulates them."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Architecture:
    """A processor architecture.

    Attributes:
        name: Debian's.
        machine: what ``uname -m`` says, and pip.
        libraries: folder of the libraries below ``/usr/lib``.
        user: program that runs another system's programs.
        system: program that emulates a whole machine.
        cpu: that both emulate; named because qemu's default has vector units that it emulates ten
            times slower.
    """

    name: str
    machine: str
    libraries: str
    user: str
    system: str
    cpu: str

    @property
    def emulated_programs(self) -> tuple[str, ...]:
        """What is needed to make an emulated Python."""
        return ("apt-get", "dpkg-deb", self.user)

    @property
    def virtual_programs(self) -> tuple[str, ...]:
        """What is needed to make and start a virtual board."""
        return (*self.emulated_programs, self.system, "ssh", "ssh-keygen")

    @property
    def wheel_platforms(self) -> tuple[str, ...]:
        """Of wheels that run on Debian 12 (glibc 2.36) and later."""
        versions = (17, 24, 27, 28, 31, 34, 35, 36)
        modern = (f"manylinux_2_{minor}_{self.machine}" for minor in versions)
        return (f"manylinux2014_{self.machine}", *modern)


ARM64 = Architecture(
    name="arm64",
    machine="aarch64",
    libraries="aarch64-linux-gnu",
    user="qemu-aarch64-static",
    system="qemu-system-aarch64",
    cpu="cortex-a72",
)
#: 32 bits, as on a Raspberry Pi 2.
ARMHF = Architecture(
    name="armhf",
    machine="armv7l",
    libraries="arm-linux-gnueabihf",
    user="qemu-arm-static",
    system="qemu-system-arm",
    cpu="cortex-a7",
)

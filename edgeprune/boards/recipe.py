"""What goes into a board: Debian packages, wheels, kernel."""

import hashlib
import platform
from dataclasses import dataclass
from importlib import resources

from edgeprune.boards.architecture import ARM64, ARMHF, Architecture
from edgeprune.errors import TargetError

#: Raise it when the same recipe is built differently: old builds are then left alone.
_BUILD = 1


@dataclass(frozen=True)
class Recipe:
    """What a board is built from.

    Attributes:
        packages: Debian packages of the root file system; apt adds what they need.
        wheels: Python packages with versions. All are named: nothing is added to them.
        kernel: Debian package that depends on the kernel's newest package.
        modules: the kernel's modules that the board loads; those that they need are added, and
            those that the kernel has built in are passed over.
        architecture: the board's processor.
    """

    packages: tuple[str, ...]
    wheels: tuple[str, ...]
    kernel: str
    modules: tuple[str, ...]
    architecture: Architecture = ARM64

    def root_key(self) -> str:
        """16 hexadecimal digits: equal for equal root file systems.

        Raises:
            TargetError: this is not a Debian machine.
        """
        contents = (self.packages, self.wheels, guest_file("cpuinfo"))
        return _digest(debian_release(), self.architecture, *contents)

    def image_key(self) -> str:
        """16 hexadecimal digits: equal for equal virtual boards.

        Raises:
            TargetError: this is not a Debian machine.
        """
        return _digest(self.root_key(), self.kernel, self.modules, *_laid_in())


def _laid_in() -> tuple[bytes, bytes]:
    return guest_file("init"), guest_file("python3")


def _digest(*parts: object) -> str:
    return hashlib.sha256(repr((_BUILD, parts)).encode()).hexdigest()[:16]


RECIPE = Recipe(
    packages=(
        "python3",
        "libstdc++6",
        "busybox-static",
        "dropbear-bin",
    ),
    wheels=(
        # The host's versions: a candidate is checked there and timed here.
        "numpy==2.4.6",
        "onnxruntime==1.31.1",
        "ai-edge-litert==2.3.0",
        "backports.strenum==1.2.8",
        "flatbuffers==25.12.19",
        "ml_dtypes==0.6.0",
        "packaging==26.3",
        "protobuf==7.36.2",
        "tqdm==4.70.1",
        "typing_extensions==4.16.0",
    ),
    # Made for virtual machines: a third of the size of the general one.
    kernel="linux-image-cloud-arm64",
    modules=("virtio_mmio", "virtio_net"),
)

#: With Apache TVM's runtime and what its RPC server needs; 300 MB more.
RECIPE_TVM = Recipe(
    packages=RECIPE.packages,
    wheels=(
        *RECIPE.wheels,
        "apache-tvm==0.27.0.post1",
        # 0.1.15 crashes TVM 0.27.
        "apache-tvm-ffi==0.1.14.post1",
        "cloudpickle==3.1.2",
        "psutil==7.2.2",
        "tornado==6.6.1",
    ),
    kernel=RECIPE.kernel,
    modules=RECIPE.modules,
)

#: 32-bit ARM: TensorFlow Lite's last wheel for it, and the numpy that it was built with.
RECIPE_ARMHF = Recipe(
    packages=(*RECIPE.packages, "python3-numpy"),
    wheels=("tflite-runtime==2.14.0",),
    kernel="linux-image-armmp-lpae",
    modules=RECIPE.modules,
    architecture=ARMHF,
)


def guest_file(name: str) -> bytes:
    """Content of a file that is laid into the board."""
    return resources.files("edgeprune.boards").joinpath("guest", name).read_bytes()


def debian_release() -> str:
    """Code name of this machine's Debian release, such as ``bookworm``.

    Raises:
        TargetError: it is another system, whose apt sources have other packages.
    """
    try:
        system = platform.freedesktop_os_release()
    except OSError:
        system = {}
    if system.get("ID") != "debian":
        name = system.get("PRETTY_NAME", platform.system())
        msg = (
            f"an ARM board is built from the machine's own Debian packages, and this is {name}; "
            "use Debian 12 or newer, for instance in a container"
        )
        raise TargetError(msg)
    return system.get("VERSION_CODENAME", system.get("VERSION_ID", "debian"))

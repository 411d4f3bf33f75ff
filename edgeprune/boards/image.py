"""What the virtual board boots: kernel, initial RAM disk, and the keys for its SSH server."""

import json
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

from edgeprune.boards import apt
from edgeprune.boards.architecture import Architecture
from edgeprune.boards.cpio import Archive
from edgeprune.boards.emulated import emulator
from edgeprune.boards.modules import modules
from edgeprune.boards.programs import check_programs, run
from edgeprune.boards.recipe import RECIPE, Recipe, guest_file
from edgeprune.boards.root import FACTS, root
from edgeprune.boards.store import Note, made_once, quiet

#: What the board's clock is: one nanosecond per instruction.
CLOCK = "instructions"
#: Below these there is nothing that a board without a package manager or a user reads.
_UNWANTED = frozenset(
    {
        *("usr/share/doc", "usr/share/man", "usr/share/locale", "usr/share/info"),
        *("usr/share/lintian", "usr/share/perl5", "usr/lib/systemd", "var/lib/dpkg"),
        # The kernel's own are mounted here, and these files are written anew.
        *("proc", FACTS.as_posix(), "root"),
    }
)
#: Those that no package may bring along, each after its parent.
_FOLDERS = (
    *("proc", "sys", "dev", "tmp", "run", "modules", "srv", "etc/dropbear"),
    *("usr/local", "usr/local/bin"),
)


@dataclass(frozen=True)
class Image:
    """Files of a virtual board.

    Attributes:
        folder: where they lie, in the user's cache.
    """

    folder: Path

    @property
    def kernel(self) -> Path:
        """Linux."""
        return self.folder / "vmlinuz"

    @property
    def initrd(self) -> Path:
        """The board's file system; private, for the SSH server's secret key is in it."""
        return self.folder / "initrd.cpio"

    @property
    def client_key(self) -> Path:
        """The secret key that logs in as root."""
        return self.folder / "id_ed25519"

    @property
    def host_key(self) -> str:
        """The SSH server's public key: type and base64."""
        return " ".join((self.folder / "host_key.pub").read_text(encoding="utf-8").split()[:2])


def image(recipe: Recipe = RECIPE, note: Note = quiet) -> Image:
    """The files of a recipe's virtual board; built on the first call.

    Args:
        recipe: what is on the board.
        note: told what takes long.

    Raises:
        TargetError: a program is missing, this is not Debian, or packages cannot be had.
    """
    architecture = recipe.architecture
    check_programs(architecture.virtual_programs)
    folder = root(recipe, note)

    def build(partial: Path) -> None:
        _make_keys(partial, folder, architecture)
        note(f"fetching a kernel for {architecture.name}")
        with (
            apt.foreign(architecture.name, partial) as packages,
            tempfile.TemporaryDirectory(prefix=".kernel-", dir=partial) as temporary,
        ):
            kernel = Path(temporary)
            apt.unpack(packages.download_newest(recipe.kernel), kernel)
            next((kernel / "boot").glob("vmlinuz-*")).rename(partial / "vmlinuz")
            note("writing the board's file system")
            drivers = modules(kernel, recipe.modules)
            _write_initrd(partial, folder, drivers, f"{architecture.name}-virtual")

    return Image(made_once(f"virtual-{recipe.image_key()}", build, note))


def _make_keys(folder: Path, system: Path, architecture: Architecture) -> None:
    """One key pair to log in with, and the server's: fixed, so that clients can check it."""
    for name in ("id_ed25519", "host_key"):
        comment = f"{name} of edgeprune's virtual board"
        command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", comment]
        run([*command, "-f", str(folder / name)], "making an SSH key")
    # The server on the board has its own format, and the program that knows both.
    program = str(system / "usr/bin/dropbearconvert")
    convert = [*emulator(system, architecture), program, "openssh", "dropbear"]
    keys = [str(folder / "host_key"), str(folder / "host_key.dropbear")]
    run([*convert, *keys], "converting the host key")


def _write_initrd(folder: Path, system: Path, drivers: dict[str, bytes], board: str) -> None:
    facts = {"name": board, "emulated": True, "clock_kind": CLOCK}
    authorized = (folder / "id_ed25519.pub").read_bytes()
    descriptor = os.open(folder / "initrd.cpio", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        archive = Archive(file)
        archive.add_tree(system, lambda name: name not in _UNWANTED)
        for name in _FOLDERS:
            if not (system / name).is_dir() or name in _UNWANTED:
                archive.add_folder(name)
        archive.add_folder("root", 0o700)
        archive.add_folder("root/.ssh", 0o700)
        archive.add_file("root/.ssh/authorized_keys", authorized, 0o600)
        archive.add_file(
            "etc/dropbear/host_key", (folder / "host_key.dropbear").read_bytes(), 0o600
        )
        archive.add_file("etc/hostname", f"{board}\n".encode())
        archive.add_file(FACTS.as_posix(), (json.dumps(facts) + "\n").encode())
        for position, (name, content) in enumerate(drivers.items()):
            archive.add_file(f"modules/{position:02}-{name}.ko", content)
        # The first process has no other way to the serial line.
        archive.add_device("dev/console", 5, 1)
        archive.add_file("usr/local/bin/python3", guest_file("python3"), 0o755)
        archive.add_file("init", guest_file("init"), 0o755)
        archive.close()

"""An ARM root file system with Python and the runtimes, built without root rights."""

import json
import subprocess
import sys
from pathlib import Path

from edgeprune.boards import apt, wheels
from edgeprune.boards.architecture import Architecture
from edgeprune.boards.programs import check_programs
from edgeprune.boards.recipe import RECIPE, Recipe, guest_file
from edgeprune.boards.store import Note, made_once, quiet

#: Where the wheels are unpacked, inside the root.
SITE = Path("opt/site")
#: What a worker reads to know what the board's clock is worth.
FACTS = Path("etc/edgeprune-board.json")
#: Lets every Python of the root find the wheels and keeps onnxruntime from sending telemetry,
#: whatever environment it is started with. Relative: the root is also used from outside.
_PTH = """\
../../../../opt/site
import os; os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
"""
#: Directories at the top that the packages of Debian 13 and later expect to be links.
_MERGED = ("bin", "sbin", "lib")


def root(recipe: Recipe = RECIPE, note: Note = quiet) -> Path:
    """The root file system of a recipe; built on the first call, about 80 MB to download.

    Args:
        recipe: what is in it.
        note: told what takes long.

    Returns:
        Its folder in the user's cache; not to be written to.

    Raises:
        TargetError: a program is missing, this is not Debian, or packages cannot be had.
    """
    return made_once(f"root-{recipe.root_key()}", lambda folder: _build(folder, recipe, note), note)


def python_version(folder: Path) -> str:
    """``3.11`` or the like: the Python of a root."""
    return (folder / "usr/bin/python3").readlink().name.removeprefix("python")


def _build(folder: Path, recipe: Recipe, note: Note) -> None:
    architecture = recipe.architecture
    check_programs(architecture.emulated_programs)
    wheels.check_pip()
    name, count = architecture.name, len(recipe.packages)
    note(f"fetching {count} Debian packages for {name} and what they need")
    with apt.foreign(name, folder) as packages:
        for file in packages.download(recipe.packages):
            apt.unpack(file, folder)
    for merged in _MERGED:
        if not (folder / merged).exists():
            (folder / merged).symlink_to(f"usr/{merged}")
    note(f"fetching {len(recipe.wheels)} wheels for {name}")
    wheels.install(recipe.wheels, python_version(folder), folder / SITE, architecture)
    _configure(folder, architecture)
    _compile(folder, note)


def _configure(folder: Path, architecture: Architecture) -> None:
    """The files that the packages' own scripts, which do not run here, would have made."""
    etc = folder / "etc"
    (etc / "passwd").write_text("root:x:0:0:root:/root:/bin/sh\n", encoding="utf-8")
    (etc / "group").write_text("root:x:0:\n", encoding="utf-8")
    (etc / "shells").write_text("/bin/sh\n", encoding="utf-8")
    (etc / "hosts").write_text("127.0.0.1 localhost\n", encoding="utf-8")
    facts = {"name": f"{architecture.name}-emulated", "emulated": True, "clock_kind": "emulated"}
    (folder / FACTS).write_text(json.dumps(facts) + "\n", encoding="utf-8")
    # Which of several libraries of linear algebra is taken is a link that a script would make.
    libraries = folder / "usr/lib" / architecture.libraries
    for name in ("blas", "lapack"):
        if (libraries / name).is_dir():
            (libraries / f"lib{name}.so.3").symlink_to(f"{name}/lib{name}.so.3")
    # qemu-user hands on the host's cpuinfo, which onnxruntime's reader of ARM's crashes on; it
    # looks into the root first. On the virtual board the kernel's own lies over this one.
    (folder / "proc").mkdir(exist_ok=True)
    (folder / "proc/cpuinfo").write_bytes(guest_file("cpuinfo"))
    (folder / "usr/lib/python3/dist-packages").mkdir(parents=True, exist_ok=True)
    (folder / "usr/lib/python3/dist-packages/edgeprune-board.pth").write_text(
        _PTH, encoding="utf-8"
    )


def _compile(folder: Path, note: Note) -> None:
    """Byte-compile everything, if this Python can: imports then take half the time."""
    version = python_version(folder)
    if version != f"{sys.version_info.major}.{sys.version_info.minor}":
        return
    note("compiling the Python files")
    sources = [folder / SITE, folder / f"usr/lib/python{version}"]
    # Unchecked: the board's clock and the files' times have nothing to do with one another.
    # Files that do not compile (test data) are none that anybody imports: no check.
    subprocess.run(
        [
            *(sys.executable, "-m", "compileall", "-q", "-q", "--invalidation-mode"),
            *("unchecked-hash", "-s", str(folder), "-p", "/", *map(str, sources)),
        ],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
    )

"""The kernel's modules that a board loads, in an order in which each finds what it needs."""

import lzma
import re
from collections.abc import Iterable
from pathlib import Path

#: In every module: the names of those that it needs, with commas between.
_DEPENDS = re.compile(rb"\0depends=([^\0]*)\0")


def modules(folder: Path, wanted: Iterable[str]) -> dict[str, bytes]:
    """Modules and what they need.

    Args:
        folder: where the kernel's package lies unpacked.
        wanted: names; one that is not there is built into the kernel.

    Returns:
        Contents by name, unpacked, each after those that it needs.
    """
    # Some kernels write '-' in a file's name where the module's has '_'.
    files = {_name(file): file for file in folder.rglob("*.ko*")}
    found: dict[str, bytes] = {}

    def add(name: str) -> None:
        if name in found or name not in files:
            return
        content = _read(files[name])
        for needed in _needs(content):
            add(needed)
        found[name] = content

    for name in wanted:
        add(name)
    return found


def _needs(content: bytes) -> list[str]:
    match = _DEPENDS.search(content)
    return match[1].decode().split(",") if match and match[1] else []


def _name(file: Path) -> str:
    return file.name.partition(".")[0].replace("-", "_")


def _read(file: Path) -> bytes:
    content = file.read_bytes()
    return lzma.decompress(content) if file.suffix == ".xz" else content

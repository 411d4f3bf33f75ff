"""Initial RAM disks: the newc archives that a kernel unpacks into its first file system.

Written here because the `cpio` program needs root rights to write a device node or another
owner, and keeps the files' times: equal folders give equal archives.
"""

import os
import shutil
import stat
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

_MAGIC = b"070701"
_END = "TRAILER!!!"
#: The kernel knows files by their number: names of one number are links to one file.
_FIRST_INODE = 1


class Archive:
    """Writes one archive; every entry belongs to root and is from 1970.

    Args:
        file: open for writing in binary mode; stays open.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._inode = _FIRST_INODE

    def add_folder(self, name: str, mode: int = 0o755) -> None:
        """An empty directory; its parents have been added."""
        self._header(name, stat.S_IFDIR | mode, links=2)

    def add_file(self, name: str, content: bytes, mode: int = 0o644) -> None:
        """A file with the given content."""
        self._header(name, stat.S_IFREG | mode, size=len(content))
        self._file.write(content)
        self._pad(len(content))

    def add_link(self, name: str, target: str) -> None:
        """A symbolic link."""
        content = os.fsencode(target)
        self._header(name, stat.S_IFLNK | 0o777, size=len(content))
        self._file.write(content)
        self._pad(len(content))

    def add_device(self, name: str, major: int, minor: int, mode: int = 0o600) -> None:
        """A character device."""
        self._header(name, stat.S_IFCHR | mode, device=(major, minor))

    def add_tree(self, folder: Path, wanted: Callable[[str], bool] = lambda _: True) -> None:
        """Everything below a folder, in the order of the names.

        Only directories, files and links are taken. A mode's last digit stays, the owner does
        not.

        Args:
            folder: becomes the archive's top.
            wanted: is asked for every path, such as ``usr/share/doc``; what is below a directory
                that is not wanted is left out too.
        """
        self._add_below(folder, "", wanted)

    def close(self) -> None:
        """Write the end mark; the archive is whole."""
        self._header(_END, 0)

    def _add_below(self, folder: Path, prefix: str, wanted: Callable[[str], bool]) -> None:
        for entry in sorted(os.scandir(folder), key=lambda entry: os.fsencode(entry.name)):
            name = prefix + entry.name
            if not wanted(name):
                continue
            mode = stat.S_IMODE(entry.stat(follow_symlinks=False).st_mode)
            if entry.is_symlink():
                self.add_link(name, os.readlink(entry.path))
            elif entry.is_dir():
                self.add_folder(name, mode)
                self._add_below(Path(entry.path), name + "/", wanted)
            elif entry.is_file():
                with open(entry.path, "rb") as file:
                    size = os.fstat(file.fileno()).st_size
                    self._header(name, stat.S_IFREG | mode, size=size)
                    shutil.copyfileobj(file, self._file, 1 << 20)
                    self._pad(size)

    def _header(
        self,
        name: str,
        mode: int,
        *,
        size: int = 0,
        links: int = 1,
        device: tuple[int, int] = (0, 0),
    ) -> None:
        encoded = os.fsencode(name) + b"\0"
        inode = 0 if name == _END else self._inode
        self._inode += 1
        # inode, mode, uid, gid, links, time, size, device (2), device node (2), name size, check
        fields = (inode, mode, 0, 0, links, 0, size, 0, 0, *device, len(encoded), 0)
        self._file.write(_MAGIC + b"".join(b"%08X" % field for field in fields) + encoded)
        self._pad(len(_MAGIC) + 8 * len(fields) + len(encoded))

    def _pad(self, written: int) -> None:
        self._file.write(bytes(-written % 4))

"""Unpacking an archive of images, once and safely."""

import bz2
import gzip
import logging
import lzma
import tarfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any, cast

from edgeprune.errors import WorkloadError
from edgeprune.files import sha256
from edgeprune.workloads.cache import cache_folder, partial_folder, reported_cache_errors

_log = logging.getLogger(__name__)

#: Endings of archives that can be given as `root`.
ARCHIVE_SUFFIXES = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz")
#: What an archive may hold: so many bytes, and so many more for each byte of its own. Images are
#: compressed already; what multiplies further was made to fill a disk.
ALLOWANCE, LARGEST_FACTOR = 100 << 20, 20
#: How compressed files begin.
_COMPRESSED: dict[bytes, Callable[..., Any]] = {
    b"\x1f\x8b": gzip.open,
    b"BZh": bz2.open,
    b"\xfd7zXZ\x00": lzma.open,
}


def is_archive(path: Path) -> bool:
    """Whether a file's name says that it is an archive we can unpack."""
    return path.name.lower().endswith(ARCHIVE_SUFFIXES)


def unpacked(archive: Path) -> Path:
    """The folder with an archive's content; unpacked into the cache where it is not there yet.

    The folder is found by the SHA-256 of the archive, so a changed archive is unpacked anew.

    Args:
        archive: a tar file, compressed or not.

    Returns:
        The folder; not to be written to.

    Raises:
        WorkloadError: the archive is damaged, would write outside its folder or unpacks to far
            more than it is, or the cache cannot be written.
    """
    try:
        digest = sha256(archive)
    except OSError as error:
        msg = f"workload.data.root {archive} cannot be read: {error.strerror}"
        raise WorkloadError(msg) from error
    final = cache_folder("unpacked") / digest[:32]
    if final.is_dir():
        return final
    _log.info("unpacking %s into %s (once)", archive, final)
    with reported_cache_errors(), partial_folder(final) as partial:
        content = partial / "content"
        content.mkdir()
        _extract(archive, content)
        try:
            content.rename(final)
        except OSError:
            # Another process was quicker; its folder holds the same.
            if not final.is_dir():
                raise
    return final


def _extract(archive: Path, folder: Path) -> None:
    limit = ALLOWANCE + LARGEST_FACTOR * archive.stat().st_size
    try:
        # A stream: each byte is unpacked once, and none before the limit has seen it.
        with _opened(archive) as stream:
            limited = cast("IO[bytes]", _Limited(stream, limit))  # a stream is only read
            tar = tarfile.open(fileobj=limited, mode="r|")
            for member in tar:
                tar.extract(member, folder, filter="data")
    except _TooLargeError as error:
        msg = (
            f"archive {archive} is refused: its {archive.stat().st_size:,} bytes unpack to more "
            f"than {limit:,}; if that is right, unpack it yourself, and give the folder"
        )
        raise WorkloadError(msg) from error
    except tarfile.FilterError as error:
        msg = f"archive {archive} is refused: {error}"
        raise WorkloadError(msg) from error
    except (tarfile.TarError, EOFError, lzma.LZMAError, zlib.error) as error:
        msg = f"archive {archive} is damaged or no tar archive: {error}"
        raise WorkloadError(msg) from error


def _opened(archive: Path) -> IO[bytes]:
    """The tar inside a file, whatever its name says of the compression."""
    with archive.open("rb") as file:
        begin = file.read(max(map(len, _COMPRESSED)))
    for sign, opener in _COMPRESSED.items():
        if begin.startswith(sign):
            return cast("IO[bytes]", opener(archive, "rb"))
    return archive.open("rb")


class _TooLargeError(Exception):
    """More came out of an archive than it may hold."""


class _Limited:
    """A stream that is read up to a limit: headers count too, which may be bombs themselves."""

    def __init__(self, stream: IO[bytes], limit: int) -> None:
        self._stream, self._left = stream, limit

    def read(self, size: int = -1) -> bytes:
        """Up to `size` bytes.

        Raises:
            _TooLargeError: the limit has been passed.
            tarfile.ReadError: it cannot be read; a decompressor's OSError is no full disk.
        """
        try:
            found = self._stream.read(size)
        except OSError as error:
            raise tarfile.ReadError(str(error)) from error
        self._left -= len(found)
        if self._left < 0:
            raise _TooLargeError
        return found

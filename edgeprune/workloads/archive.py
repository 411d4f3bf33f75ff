"""Unpacking an archive of images, once and safely."""

import gzip
import logging
import lzma
import tarfile
import zlib
from pathlib import Path

from edgeprune.errors import WorkloadError
from edgeprune.files import sha256
from edgeprune.workloads.cache import cache_folder, partial_folder, reported_cache_errors

_log = logging.getLogger(__name__)

#: Endings of archives that can be given as `root`.
ARCHIVE_SUFFIXES = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz")


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
        WorkloadError: the archive is damaged or would write outside its folder, or the cache
            cannot be written.
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
    try:
        with tarfile.open(archive) as tar:
            tar.extractall(folder, filter="data")
    except tarfile.FilterError as error:
        msg = f"archive {archive} is refused: {error}"
        raise WorkloadError(msg) from error
    except (tarfile.TarError, gzip.BadGzipFile, EOFError, lzma.LZMAError, zlib.error) as error:
        msg = f"archive {archive} is damaged or no tar archive: {error}"
        raise WorkloadError(msg) from error

"""All images of a folder decoded once, and memory-mapped from then on."""

import logging
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import numpy.typing as npt

from edgeprune.errors import WorkloadError
from edgeprune.workloads.cache import (
    cache_folder,
    partial_folder,
    reported_cache_errors,
    short_digest,
)
from edgeprune.workloads.decoding import Pixels, crop, decode
from edgeprune.workloads.image_tree import ImageTree

_log = logging.getLogger(__name__)

#: Part of every entry's name: raise it when the same files would decode to other pixels.
_VERSION = 2
_CHUNK = 256


def decoded_images(tree: ImageTree, image_size: int | None) -> npt.NDArray[np.uint8]:
    """The pixels of every image of a tree, from the cache where they are there.

    An entry is found by the folder, the size and the tree's fingerprint: a changed folder never
    meets an old entry, and its new entry replaces the old one.

    Args:
        tree: the listed folder.
        image_size: images are scaled and cropped to a square of this size; None leaves them as
            they are, and then all must have one size.

    Returns:
        (N, 3, H, W) uint8, memory-mapped and read-only, in the order of ``tree.names``.

    Raises:
        WorkloadError: images cannot be read (all of them are counted), their sizes differ, or
            the cache cannot be written.
    """
    folder = cache_folder("decoded")
    place = short_digest(f"{tree.root.resolve()}\0{image_size}")
    entry = folder / f"{place}-{short_digest(f'{_VERSION}{tree.fingerprint}')}.npy"
    if not entry.is_file():
        _log.info("decoding %d images of %s (once)", len(tree.names), tree.root)
        with reported_cache_errors(), partial_folder(entry) as partial:
            _decode_all(tree, image_size, partial / entry.name)
            (partial / entry.name).replace(entry)
        for stale in folder.glob(f"{place}-*.npy"):
            if stale != entry:
                # Whoever still has it mapped keeps the pixels.
                stale.unlink(missing_ok=True)
    mapped: npt.NDArray[np.uint8] = np.load(entry, mmap_mode="r")
    return mapped


def _decode_all(tree: ImageTree, image_size: int | None, path: Path) -> None:
    read = _reader(tree.root, image_size)
    first = _first_readable(tree, read)
    height, width, _ = first.shape
    images = np.lib.format.open_memmap(path, "w+", np.uint8, (len(tree.names), 3, height, width))
    _reserve(path)

    def decode_chunk(start: int) -> list[str]:
        problems = []
        for row in range(start, min(start + _CHUNK, len(tree.names))):
            try:
                pixels = read(tree.names[row])
            except WorkloadError as error:
                problems.append(str(error))
                continue
            if pixels.shape != first.shape:
                problems.append(_other_size(tree, row, pixels, first))
                continue
            images[row] = pixels.transpose(2, 0, 1)
        return problems

    with ThreadPoolExecutor(min(8, os.cpu_count() or 1), "decode") as pool:
        found = pool.map(decode_chunk, range(0, len(tree.names), _CHUNK))
        problems = [problem for chunk in found for problem in chunk]
    _raise_all(problems)
    images.flush()


def _reserve(path: Path) -> None:
    """Claim a file's space now: a mapped write that finds the disk full kills the process."""
    if hasattr(os, "posix_fallocate"):
        with path.open("r+b") as file:
            os.posix_fallocate(file.fileno(), 0, path.stat().st_size)


def _reader(root: Path, image_size: int | None) -> Callable[[str], Pixels]:
    base = str(root)
    if image_size is None:
        return lambda name: decode(f"{base}/{name}")
    return lambda name: crop(
        decode(f"{base}/{name}", shorter_side=image_size), image_size, 0.5, 0.5
    )


def _first_readable(tree: ImageTree, read: Callable[[str], Pixels]) -> Pixels:
    problems = []
    for name in tree.names[:_CHUNK]:
        try:
            return read(name)
        except WorkloadError as error:
            problems.append(str(error))
    _raise_all(problems)
    msg = f"{tree.root} has no images"
    raise WorkloadError(msg)


def _other_size(tree: ImageTree, row: int, pixels: Pixels, first: Pixels) -> str:
    return (
        f"image {tree.root / tree.names[row]} has {pixels.shape[1]}x{pixels.shape[0]} pixels, "
        f"the first one {first.shape[1]}x{first.shape[0]}: set workload.data.image_size"
    )


def _raise_all(problems: list[str], shown: int = 5) -> None:
    if not problems:
        return
    msg = "\n".join(problems[:shown])
    if len(problems) > shown:
        msg += f"\n… and {len(problems) - shown} more images"
    raise WorkloadError(msg)

"""Lists of images that the user gives: which ones are for the reward, which for the test."""

import os
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

import numpy as np

from edgeprune.errors import WorkloadError, nearest
from edgeprune.workloads.indexed_split import IndexedSplit


def read_image_list(path: Path, setting: str) -> list[str]:
    """Read a text file with one image name per line.

    Args:
        path: of the file; blank lines are skipped.
        setting: dotted path of the setting that holds `path`.

    Returns:
        Names with forward slashes, without a leading ``./``.

    Raises:
        WorkloadError: the file is missing, no text, empty, or names an image twice.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        msg = f"{setting}: {path} cannot be read: {error.strerror}"
        raise WorkloadError(msg) from error
    except UnicodeDecodeError as error:
        msg = f"{setting}: {path} is no text file: {error}"
        raise WorkloadError(msg) from error
    names = [str(PurePosixPath(line.strip())) for line in lines if line.strip()]
    if not names:
        msg = f"{setting}: {path} is empty; allowed: one image per line, relative to the root"
        raise WorkloadError(msg)
    seen: set[str] = set()
    for name in names:
        if name in seen:
            msg = f"{setting}: {path} names {name!r} twice"
            raise WorkloadError(msg)
        seen.add(name)
    return names


def select_listed(
    path: Path, setting: str, pools: Sequence[IndexedSplit], name: str
) -> IndexedSplit:
    """The split that a list describes.

    Args:
        path: of the list.
        setting: dotted path of the setting that holds `path`.
        pools: splits whose images may be named; all named ones must be in one of them.
        name: of the new split.

    Returns:
        A split with the images in the order of the list.

    Raises:
        WorkloadError: the list cannot be read, an image is not in the dataset, or the images
            come from more than one pool.
    """
    wanted = read_image_list(path, setting)
    best: tuple[int, IndexedSplit, list[str]] | None = None
    for pool in pools:
        rows = {known: row for row, known in enumerate(pool.names)}
        missing = [each for each in wanted if each not in rows]
        if not missing:
            return pool.select(np.asarray([rows[each] for each in wanted]), name)
        if best is None or len(missing) < best[0]:
            best = len(missing), pool, missing
    if best is None:
        msg = f"{setting}: the dataset has no images that a list could name"
        raise WorkloadError(msg)
    unknown = _first_unknown(best[2], pools)
    if unknown is None:
        msg = (
            f"{setting}: {path} mixes images of {' and '.join(pool.name for pool in pools)}; "
            "allowed: images of one of them"
        )
        raise WorkloadError(msg)
    folder = os.path.dirname(unknown)
    near = [known for pool in pools for known in pool.names if known.startswith(folder)]
    msg = (
        f"{setting}: {path} names {unknown!r}, which the dataset does not have (its images are "
        f"named like {best[1].names[0]!r}){nearest(unknown, near[:5000])}"
    )
    raise WorkloadError(msg)


def _first_unknown(names: Sequence[str], pools: Sequence[IndexedSplit]) -> str | None:
    known = {each for pool in pools for each in pool.names}
    return next((name for name in names if name not in known), None)

"""The images that a table names: a CSV file of paths and labels, or of paths and numbers."""

import csv
import hashlib
import math
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

import numpy as np
import numpy.typing as npt

from edgeprune.errors import WorkloadError, nearest
from edgeprune.workloads.image_tree import PARTS, WHOLE, ImageTree, part_named

#: Names of columns, the first of each is preferred.
_PATH = ("path", "file", "filename", "image")
_LABEL = ("label", "class", "target")
_PART = ("split", "part", "set")


def read_table(file: Path, root: Path | None = None) -> ImageTree:
    """Read a CSV file with a header: a column of paths, one of labels, and perhaps one of splits.

    Args:
        file: the table.
        root: what paths are relative to; None: the folder that the file is in.

    Returns:
        Classes are the different labels, sorted; parts are those of the column of splits, or
        `WHOLE` alone.

    Raises:
        WorkloadError: the file cannot be read, lacks a column, names an image twice or one that is
            not there, or has fewer than two labels.
    """
    columns, rows = _rows(file)
    path, label = (_column(file, columns, known) for known in (_PATH, _LABEL))
    classes = tuple(sorted({row[label] or "" for row in rows}))
    if len(classes) < 2:
        msg = f"{file} has {len(classes)} different labels in {len(rows)} rows; allowed: at least 2"
        raise WorkloadError(msg)
    labels = [classes.index(row[label] or "") for row in rows]
    return _tree(file, root, classes, _by_part(file, columns, rows, path, labels))


def read_targets(file: Path, root: Path | None = None) -> tuple[ImageTree, npt.NDArray[np.float32]]:
    """Read a CSV file with a header: paths, perhaps splits, and numbers in every other column.

    Args:
        file: the table.
        root: what paths are relative to; None: the folder that the file is in.

    Returns:
        The images, whose classes are the names of the numbers, and (N, numbers) targets.

    Raises:
        WorkloadError: see `read_table`; or a number is none or not finite.
    """
    columns, rows = _rows(file)
    path = _column(file, columns, _PATH)
    names = tuple(name for name in columns if name != path and name not in _PART)
    if not names or not rows:
        lack = "no rows" if names else "no column of numbers"
        msg = f"{file} has {lack} (columns: {', '.join(columns)}); allowed: {path}, then numbers"
        raise WorkloadError(msg)
    numbers = [
        [_number(f"{file}:{line}", name, row[name]) for name in names]
        for line, row in enumerate(rows, 2)
    ]
    by_part = _by_part(file, columns, rows, path, range(len(rows)))
    tree = _tree(file, root, names, by_part)
    return tree, np.array(numbers, np.float32)[tree.labels]


def _rows(file: Path) -> tuple[tuple[str, ...], list[dict[str, str]]]:
    try:
        with file.open(newline="", encoding="utf-8-sig") as stream:
            reader = csv.DictReader(stream)
            return tuple(reader.fieldnames or ()), list(reader)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        msg = f"{file} cannot be read as a table: {error}"
        raise WorkloadError(msg) from error


def _by_part(
    file: Path,
    columns: tuple[str, ...],
    rows: list[dict[str, str]],
    path: str,
    labels: Sequence[int],
) -> dict[str, list[tuple[str, int]]]:
    """Names and labels of the images of each part."""
    part = next((name for name in _PART if name in columns), None)
    found: dict[str, list[tuple[str, int]]] = {}
    seen: set[str] = set()
    for number, (row, label) in enumerate(zip(rows, labels, strict=True), 2):
        name = str(PurePosixPath(row[path] or ""))
        if name in seen:
            msg = f"{file}:{number}: names {name!r} twice"
            raise WorkloadError(msg)
        seen.add(name)
        place = WHOLE if part is None else _part(f"{file}:{number}", row[part])
        found.setdefault(place, []).append((name, label))
    return found


def _number(place: str, column: str, text: str | None) -> float:
    try:
        number = float(text or "")
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        msg = f"{place}: {column} is {text!r}; allowed: a finite number"
        raise WorkloadError(msg)
    return number


def _column(file: Path, columns: tuple[str, ...], known: tuple[str, ...]) -> str:
    for name in known:
        if name in columns:
            return name
    shown = ", ".join(columns) or "none"
    msg = f"{file} has no column {known[0]!r} (columns: {shown}){nearest(known[0], columns)}"
    raise WorkloadError(msg)


def _part(place: str, word: str | None) -> str:
    part = part_named((word or "").strip().lower())
    if part is None:
        msg = f"{place}: split is {word!r}; allowed: {', '.join(PARTS)}"
        raise WorkloadError(msg)
    return part


def _tree(
    file: Path, root: Path | None, classes: tuple[str, ...], found: dict[str, list[tuple[str, int]]]
) -> ImageTree:
    root = (root or file.parent).absolute()
    if WHOLE not in found and "train" not in found:
        msg = f"{file} has no rows of split 'train'; its splits: {', '.join(found)}"
        raise WorkloadError(msg)
    names: list[str] = []
    labels: list[int] = []
    parts: dict[str, range] = {}
    digest = hashlib.sha256()
    for part in (WHOLE, *PARTS):
        start = len(names)
        for name, label in sorted(found.get(part, ())):
            try:
                stat = (root / name).stat()
            except OSError as error:
                msg = f"{file} names {name!r}, which is not in {root}: {error.strerror}"
                raise WorkloadError(msg) from error
            digest.update(f"{name}\0{stat.st_size}\0{stat.st_mtime_ns}\n".encode())
            names.append(name)
            labels.append(label)
        if len(names) > start:
            parts[part] = range(start, len(names))
    return ImageTree(root, classes, names, labels, parts, digest.hexdigest())

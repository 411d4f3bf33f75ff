"""The images of a folder: ``<part>/<class>/.../<image>``."""

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from edgeprune.errors import WorkloadError
from edgeprune.workloads.decoding import IMAGE_SUFFIXES

#: Folders that are parts of a data set, in the order of their rows.
PARTS = ("train", "val", "test")


@dataclass(frozen=True)
class ImageTree:
    """What lies in an image folder; nothing is decoded yet.

    Attributes:
        root: the folder.
        classes: class names, sorted; the label of an image is its class's index.
        names: paths relative to `root`, with forward slashes, sorted within each part.
        labels: class of each image.
        parts: rows of each part that is there.
        fingerprint: changes whenever an image is added, removed, renamed or written to.
    """

    root: Path
    classes: tuple[str, ...]
    names: list[str] = field(repr=False)
    labels: list[int] = field(repr=False)
    parts: dict[str, range]
    fingerprint: str


def read_tree(root: Path) -> ImageTree:
    """List an image folder.

    Args:
        root: a folder with ``train/`` and, beside it, ``test/`` or ``val/`` or both.

    Raises:
        WorkloadError: there is no ``train/``, it has fewer than two classes, a class has no
            image, or another part has a class that ``train/`` has not.
    """
    _require_train(root)
    classes = tuple(_class_folders(root / "train"))
    if len(classes) < 2:
        found = f"one class, {classes[0]!r}" if classes else "no class folder"
        msg = f"{root / 'train'} has {found}; allowed: at least 2 folders, one per class"
        raise WorkloadError(msg)
    names: list[str] = []
    labels: list[int] = []
    parts: dict[str, range] = {}
    digest = hashlib.sha256()
    for part in PARTS:
        if not (root / part).is_dir():
            continue
        start = len(names)
        for class_name in _class_folders(root / part):
            if class_name not in classes:
                msg = (
                    f"{root / part} has a class {class_name!r} that {root / 'train'} has not "
                    f"({len(classes)} classes: {_some(classes)})"
                )
                raise WorkloadError(msg)
            found_names = sorted(_images(root, f"{part}/{class_name}", digest))
            if not found_names and part == "train":
                msg = (
                    f"class folder {root / part / class_name} has no image; "
                    f"allowed endings: {', '.join(IMAGE_SUFFIXES)}"
                )
                raise WorkloadError(msg)
            names += found_names
            labels += [classes.index(class_name)] * len(found_names)
        if len(names) > start:
            parts[part] = range(start, len(names))
    return ImageTree(root, classes, names, labels, parts, digest.hexdigest())


def _require_train(root: Path) -> None:
    if (root / "train").is_dir():
        return
    inside = sorted(path.name + "/" for path in root.iterdir() if path.is_dir())
    msg = (
        f"{root} has no train/ folder (folders there: {_some(inside) or 'none'}); allowed: "
        "train/<class>/<image> beside test/<class>/<image> or val/<class>/<image>"
    )
    raise WorkloadError(msg)


def _class_folders(folder: Path) -> list[str]:
    return sorted(
        path.name for path in folder.iterdir() if path.is_dir() and not path.name.startswith(".")
    )


def _images(root: Path, folder: str, digest: "hashlib._Hash") -> Iterator[str]:
    """Names of the images below a folder; each is added to the digest with its stamps."""
    with os.scandir(root / folder) as entries:
        listed = sorted(entries, key=lambda entry: entry.name)
    for entry in listed:
        name = f"{folder}/{entry.name}"
        if entry.name.startswith("."):
            continue
        if entry.is_dir():
            yield from _images(root, name, digest)
        elif entry.name.lower().endswith(IMAGE_SUFFIXES):
            try:
                stat = entry.stat()
            except OSError as error:
                msg = f"image {root / name} cannot be read: {error.strerror}"
                raise WorkloadError(msg) from error
            # The change time moves with every write, even where the modification time is put back.
            stamp = f"{name}\0{stat.st_size}\0{stat.st_mtime_ns}\0{stat.st_ctime_ns}\n"
            digest.update(stamp.encode(errors="surrogateescape"))
            yield name


def _some(words: "list[str] | tuple[str, ...]", limit: int = 8) -> str:
    shown = ", ".join(words[:limit])
    return f"{shown}, … ({len(words)} in all)" if len(words) > limit else shown

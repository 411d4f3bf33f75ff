"""The images of a folder: ``<part>/<class>/.../<image>``, or without parts."""

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from edgeprune.errors import WorkloadError
from edgeprune.workloads.decoding import IMAGE_SUFFIXES

#: Parts of a data set in the order of their rows, and what their folders may be called.
PARTS = {"train": ("train",), "val": ("val", "valid", "validation"), "test": ("test",)}
#: The part of a folder that has none.
WHOLE = "whole"
_PART_NAMES = {name for names in PARTS.values() for name in (*names, "training", "testing")}
#: What file managers and archivers leave among the images.
_LITTER = ("__MACOSX", "@eaDir")


@dataclass(frozen=True)
class ImageTree:
    """What lies in an image folder; nothing is decoded yet.

    Attributes:
        root: the folder.
        classes: class names, sorted; the label of an image is its class's index.
        names: paths relative to `root`, with forward slashes, sorted within each part.
        labels: class of each image.
        parts: rows of each part that is there: of `PARTS`, or `WHOLE` alone.
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
        root: a folder with ``train/`` and, beside it, ``test/`` or ``val/`` or both; or one of
            class folders alone.

    Raises:
        WorkloadError: there is neither, there are fewer than two classes, a class has no
            image, or another part has a class that ``train/`` has not.
    """
    folders = _folders_of(root)
    first = root / next(iter(folders.values()))
    classes = tuple(_class_folders(first))
    if len(classes) < 2:
        found = f"one class, {classes[0]!r}" if classes else "no class folder"
        msg = f"{first} has {found}; allowed: at least 2 folders, one per class"
        raise WorkloadError(msg)
    names: list[str] = []
    labels: list[int] = []
    parts: dict[str, range] = {}
    digest = hashlib.sha256()
    for part, folder in folders.items():
        start = len(names)
        for class_name in _class_folders(root / folder):
            if class_name not in classes:
                msg = (
                    f"{root / folder} has a class {class_name!r} that {first} has not "
                    f"({len(classes)} classes: {_some(classes)})"
                )
                raise WorkloadError(msg)
            place = str(PurePosixPath(folder) / class_name)
            found_names = sorted(_images(root, place, digest))
            if not found_names and root / folder == first:
                msg = (
                    f"class folder {first / class_name} has no image; "
                    f"allowed endings: {', '.join(IMAGE_SUFFIXES)}"
                )
                raise WorkloadError(msg)
            names += found_names
            labels += [classes.index(class_name)] * len(found_names)
        if len(names) > start:
            parts[part] = range(start, len(names))
    return ImageTree(root, classes, names, labels, parts, digest.hexdigest())


def part_named(word: str) -> str | None:
    """The part of `PARTS` that a word means, such as ``valid``."""
    return next((part for part, names in PARTS.items() if word in names), None)


def _folders_of(root: Path) -> dict[str, str]:
    """The folder of each part, relative to the root; of `WHOLE` it is the root itself."""
    if (root / "train").is_dir():
        return {
            part: name
            for part, known in PARTS.items()
            for name in [name for name in known if (root / name).is_dir()][:1]
        }
    inside = _class_folders(root)
    if len(inside) > 1 and not {name.lower() for name in inside} & _PART_NAMES:
        return {WHOLE: "."}
    shown = _some([f"{name}/" for name in inside]) or "none"
    msg = (
        f"{root} has no train/ folder (folders there: {shown}); allowed: train/<class>/<image> "
        "beside test/<class>/<image> or val/<class>/<image>, or <class>/<image> alone"
    )
    raise WorkloadError(msg)


def _class_folders(folder: Path) -> list[str]:
    inside = (path.name for path in folder.iterdir() if path.is_dir())
    return sorted(name for name in inside if not _is_litter(name))


def _is_litter(name: str) -> bool:
    return name.startswith(".") or name in _LITTER


def _images(root: Path, folder: str, digest: "hashlib._Hash") -> Iterator[str]:
    """Names of the images below a folder; each is added to the digest with its stamps."""
    with os.scandir(root / folder) as entries:
        listed = sorted(entries, key=lambda entry: entry.name)
    for entry in listed:
        name = f"{folder}/{entry.name}"
        if _is_litter(entry.name):
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

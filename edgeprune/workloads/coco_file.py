"""Annotations of boxes, as COCO's files have them."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

import torch

from edgeprune.errors import WorkloadError
from edgeprune.workloads.boxes import BoxedScene

#: Pixels by which a box may stand out of its image: coordinates are rounded by some programs.
_SLACK = 1.0


@dataclass(frozen=True)
class CocoFile:
    """What an annotation file says; boxes have categories for labels.

    Attributes:
        file: the file.
        categories: names by id, in the order of their ids.
        above: ids of categories that others name as the one above them.
        images: by id.
        boxes: of each image, by its id: category, left, top, right and bottom.
    """

    file: Path
    categories: dict[int, str]
    above: set[int]
    images: dict[int, dict[str, Any]] = field(repr=False)
    boxes: dict[int, list[tuple[int, float, float, float, float]]] = field(repr=False)

    def scenes(self, folder: Path, root: Path, labels: Mapping[int, int]) -> list[BoxedScene]:
        """Its images, in the order of their names.

        Args:
            folder: where they are.
            root: what their names are relative to.
            labels: of each category.

        Raises:
            WorkloadError: one is not there, or would be outside `folder`.
        """
        found = []
        for number, image in self.images.items():
            name = PurePosixPath(image["file_name"])
            if name.is_absolute() or ".." in name.parts:
                msg = f"{self.file}: image {number} is {str(name)!r}; allowed: inside {folder}"
                raise WorkloadError(msg)
            path = folder / name
            if not path.is_file():
                msg = f"{self.file} names {str(name)!r}, which is not in {folder}"
                raise WorkloadError(msg)
            rows = self.boxes.get(number, [])
            boxes = {
                "boxes": torch.tensor([row[1:] for row in rows]).reshape(-1, 4).float(),
                "labels": torch.tensor([labels[row[0]] for row in rows], dtype=torch.int64),
            }
            inside = path.relative_to(root) if path.is_relative_to(root) else path
            size = image["height"], image["width"]
            found.append(BoxedScene(inside.as_posix(), path, *size, boxes))
        return sorted(found, key=lambda scene: scene.name)


def read_coco(file: Path) -> CocoFile:
    """Read an annotation file and check all of it.

    Boxes of crowds (``iscrowd``) and such without any area are left out.

    Raises:
        WorkloadError: it cannot be read or is empty, an annotation's category or image is unknown,
            or a box is none or outside its image; the message tells which.
    """
    content = _content(file)
    categories = {
        _whole(one, "id", f"{file}: categories[{at}]"): str(one.get("name", one.get("id")))
        for at, one in enumerate(content["categories"])
    }
    images: dict[int, dict[str, Any]] = {}
    for at, image in enumerate(content["images"]):
        place = f"{file}: images[{at}]"
        number = _whole(image, "id", place)
        if number in images:
            msg = f"{place} has the id {number}, which another image has"
            raise WorkloadError(msg)
        if not isinstance(image.get("file_name"), str):
            msg = f"{place} (id {number}) has no file_name"
            raise WorkloadError(msg)
        for side in ("height", "width"):
            if _whole(image, side, place) < 1:
                msg = f"{place} (id {number}) has the {side} {image[side]}; allowed: at least 1"
                raise WorkloadError(msg)
        images[number] = image
    pairs = [(one.get("name"), one.get("supercategory")) for one in content["categories"]]
    higher = {above for name, above in pairs if above != name}
    above = {number for number, name in categories.items() if name in higher}
    found = CocoFile(file, dict(sorted(categories.items())), above, images, {})
    for at, one in enumerate(content["annotations"]):
        _add(found, one, f"{file}: annotations[{at}]")
    return found


def _content(file: Path) -> dict[str, list[dict[str, Any]]]:
    try:
        text = file.read_text(encoding="utf-8-sig")
        content = json.loads(text) if text.strip() else {}
    except (OSError, ValueError, RecursionError) as error:
        msg = f"{file} cannot be read as COCO annotations: {error}"
        raise WorkloadError(msg) from error
    for key in ("images", "annotations", "categories"):
        rows = content.get(key, []) if isinstance(content, dict) else []
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows) or not rows:
            what = "is empty" if not rows else f"has no list of objects {key!r}"
            which = f": no {key!r}" if not rows else ""
            msg = f"{file} {what}{which}; allowed: a JSON object of images, annotations, categories"
            raise WorkloadError(msg)
    return content


def _add(found: CocoFile, one: dict[str, Any], place: str) -> None:
    place = f"{place} (id {one['id']})" if "id" in one else place
    category, number = _whole(one, "category_id", place), _whole(one, "image_id", place)
    if category not in found.categories:
        known = ", ".join(f"{key} ({name})" for key, name in list(found.categories.items())[:10])
        msg = f"{place} has the category_id {category}; allowed: {known}"
        raise WorkloadError(msg)
    if number not in found.images:
        msg = f"{place} has the image_id {number}, which is none of its {len(found.images)} images"
        raise WorkloadError(msg)
    image = found.images[number]
    left, top, right, bottom = _corners(one.get("bbox"), place)
    width, height = image["width"], image["height"]
    if min(left, top) < -_SLACK or right > width + _SLACK or bottom > height + _SLACK:
        msg = (
            f"{place} has the box {one['bbox']} (left, top, width, height), outside its image "
            f"{image['file_name']} of {width}x{height}"
        )
        raise WorkloadError(msg)
    left, top = max(left, 0.0), max(top, 0.0)
    right, bottom = min(right, float(width)), min(bottom, float(height))
    if right > left and bottom > top and not one.get("iscrowd"):
        found.boxes.setdefault(number, []).append((category, left, top, right, bottom))


def _corners(bbox: Any, place: str) -> tuple[float, float, float, float]:
    numbers = bbox if isinstance(bbox, list) else []
    fits = all(isinstance(one, int | float) and math.isfinite(one) for one in numbers)
    if len(numbers) != 4 or not fits or min(numbers[2:]) < 0:
        msg = (
            f"{place} has the bbox {bbox!r}; allowed: [left, top, width, height], finite numbers, "
            "the last two not below 0"
        )
        raise WorkloadError(msg)
    left, top, width, height = map(float, numbers)
    return left, top, left + width, top + height


def _whole(row: dict[str, Any], key: str, place: str) -> int:
    value = row.get(key)
    if isinstance(value, bool) or not isinstance(value, int):
        found = f"has the {key} {value!r}" if key in row else f"has no {key}"
        msg = f"{place} {found}; allowed: a whole number"
        raise WorkloadError(msg)
    return value

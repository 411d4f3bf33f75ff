"""Images with boxes, read from annotation files."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from edgeprune.config import DataConfig
from edgeprune.errors import WorkloadError
from edgeprune.testing.datasets import DatasetConformance
from edgeprune.workloads import Dataset
from edgeprune.workloads.datasets import open_dataset

FILE = "_annotations.coco.json"
CATEGORIES = [
    {"id": 0, "name": "things", "supercategory": "none"},
    {"id": 3, "name": "cat", "supercategory": "things"},
    {"id": 8, "name": "dog", "supercategory": "things"},
]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Three parts of 4 images, 60x40, whose boxes are bright; the last of each is empty."""
    random = np.random.default_rng(0)
    for part in ("train", "test", "valid"):
        (tmp_path / part).mkdir()
        images, boxes = [], []
        for at in range(4):
            pixels = random.integers(0, 60, (40, 60, 3), dtype=np.uint8)
            images.append({"id": at + 10, "file_name": f"{at}.bmp", "height": 40, "width": 60})
            if at < 3:
                left, top = int(random.integers(0, 30)), int(random.integers(0, 20))
                pixels[top : top + 16, left : left + 24] = 250
                box = [left, top, 24, 16]
                one = {"id": at + 100, "image_id": at + 10, "category_id": (3, 8)[at % 2]}
                boxes.append(one | {"bbox": box})
            Image.fromarray(pixels).save(tmp_path / part / f"{at}.bmp")
        content = {"images": images, "annotations": boxes, "categories": CATEGORIES}
        (tmp_path / part / FILE).write_text(json.dumps(content))
    return tmp_path


def _opened(root: Path, **settings: Any) -> Dataset:
    given = {"mean": (0.0,), "std": (1.0,)} | settings
    return open_dataset(DataConfig(name="coco", root=root, **given))


class TestConforms(DatasetConformance):
    targets_are_classes = False

    @pytest.fixture
    def dataset(self, root: Path) -> Dataset:
        return _opened(root)

    @pytest.fixture
    def same_dataset(self, root: Path) -> Dataset:
        return _opened(root)


def _bright_share(image: torch.Tensor, box: torch.Tensor) -> tuple[float, float]:
    """Of the box and of the rest, how much is bright."""
    inside = torch.zeros(image.shape[1:], dtype=torch.bool)
    left, top, right, bottom = box.round().int().tolist()
    inside[top:bottom, left:right] = True
    bright = image[0] > 0.6
    return float(bright[inside].float().mean()), float(bright[~inside].float().mean())


def test_boxes_follow_their_images(root: Path) -> None:
    data = _opened(root, image_size=96)
    assert data.classes == ("cat", "dog")
    images, targets = next(iter(data.train.batches(4)))
    assert [one["labels"].tolist() for one in targets] == [[0], [1], [0], []]
    assert targets[3]["boxes"].shape == (0, 4)
    sizes = targets[0]["boxes"][0, 2:] - targets[0]["boxes"][0, :2]
    assert sizes.tolist() == pytest.approx([24 * 1.6, 16 * 1.6])
    seen = []
    for seed in range(-1, 6):
        if seed >= 0:
            generator = torch.Generator().manual_seed(seed)
            images, targets = next(iter(data.train.batches(4, generator=generator, augment=True)))
        for image, target in zip(images, targets, strict=True):
            for box in target["boxes"]:
                within, outside = _bright_share(image, box)
                assert within > 0.9 and outside < 0.02
                seen.append(tuple(box.tolist()))
                assert box.min() >= 0 and box.max() <= 96
    assert len(set(seen)) > 12


def test_parts(root: Path) -> None:
    data = _opened(root)
    assert data.test.names[1] == "test/1.bmp" and data.reward.names[1] == "valid/1.bmp"
    (root / "test" / FILE).unlink()
    (root / "valid" / FILE).unlink()
    assert not _opened(root).divided


def test_files_and_folders_by_argument(root: Path) -> None:
    (root / "train" / FILE).rename(root / "all.json")
    data = _opened(root, args={"train": "all.json", "train_images": "train"})
    assert data.train.names[0] == "train/0.bmp"
    with pytest.raises(WorkloadError, match=r"args\.train: there is no file .*al\.json"):
        _opened(root, args={"train": "al.json"})


Edit = Callable[[dict[str, Any]], None]


def _set(kind: str, at: int, **values: Any) -> Edit:
    return lambda content: content[kind][at].update(values)


def _without(kind: str) -> Edit:
    return lambda content: content[kind].clear()


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (_set("annotations", 1, bbox=[50, 2, 12, 5]), r"annotations\[1\] \(id 101\).*outside"),
        (_set("annotations", 1, bbox=[1, -2, 12, 5]), r"annotations\[1\].*outside.*1\.bmp of 60x"),
        (_set("annotations", 0, bbox=[1, 2, float("nan"), 5]), r"the bbox \[1, 2, nan, 5\]; all"),
        (_set("annotations", 0, bbox=[1, 2, -3, 5]), "not below 0"),
        (_set("annotations", 0, bbox=[1, 2, 3]), r"the bbox \[1, 2, 3\]"),
        (_set("annotations", 2, category_id=4), r"category_id 4; allowed: 0 \(things\), 3 \(cat"),
        (_set("annotations", 2, category_id="cat"), "category_id 'cat'; allowed: a whole number"),
        (_set("annotations", 2, image_id=9), "image_id 9, which is none of its 4 images"),
        (_set("images", 2, file_name="7.bmp"), r"names '7\.bmp', which is not in"),
        (_set("images", 2, file_name="../7.bmp"), r"is '\.\./7\.bmp'; allowed: inside"),
        (_set("images", 2, id=10), "id 10, which another image has"),
        (_set("images", 2, height=0), "height 0; allowed: at least 1"),
        (lambda content: content["images"][0].pop("width"), r"images\[0\] has no width"),
        (_without("annotations"), "is empty: no 'annotations'"),
        (_without("images"), "is empty: no 'images'"),
        (lambda content: content.clear(), "is empty"),
    ],
)
def test_bad_annotations_are_told(root: Path, edit: Edit, message: str) -> None:
    file = root / "train" / FILE
    content = json.loads(file.read_text())
    edit(content)
    file.write_text(json.dumps(content))
    with pytest.raises(WorkloadError, match=message) as refusal:
        _opened(root)
    assert str(file) in str(refusal.value)


@pytest.mark.parametrize("text", ["", "{", "[1]", '{"images": 3}', "\xff"])
def test_a_file_that_is_none_is_told(root: Path, text: str) -> None:
    file = root / "train" / FILE
    file.write_bytes(text.encode("latin-1"))
    with pytest.raises(WorkloadError, match=FILE):
        _opened(root)


def test_an_image_of_another_size_than_annotated_is_told(root: Path) -> None:
    Image.fromarray(np.zeros((30, 60, 3), np.uint8)).save(root / "train" / "0.bmp")
    with pytest.raises(WorkloadError, match=r"0\.bmp has 60x30 pixels, its annotations say 60x40"):
        list(_opened(root).train.batches(4))


def test_a_category_that_only_the_test_has_is_told(root: Path) -> None:
    file = root / "test" / FILE
    content = json.loads(file.read_text())
    content["categories"][1]["name"] = "eel"
    file.write_text(json.dumps(content))
    with pytest.raises(WorkloadError, match=r"category 3 \('eel'\), which .*has not"):
        _opened(root)

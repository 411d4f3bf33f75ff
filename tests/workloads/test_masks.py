"""Masks beside images, read from files."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from edgeprune.config import DataConfig
from edgeprune.errors import WorkloadError
from edgeprune.testing.datasets import DatasetConformance
from edgeprune.workloads import Dataset
from edgeprune.workloads.datasets import open_dataset

Make = Callable[..., Path]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """Images whose red says the class of each pixel: 100 where it is 1, else 0."""

    def write(parts: tuple[str, ...] = ("train", "test", "val"), images: int = 4) -> Path:
        random = np.random.default_rng(0)
        for part in parts:
            for kind in ("images", "masks"):
                (tmp_path / "data" / part / kind).mkdir(parents=True)
            for at in range(images):
                numbers = np.zeros((40, 60), np.uint8)
                top, left = random.integers(0, 20), random.integers(0, 30)
                numbers[top : top + 14, left : left + 20] = 1
                pixels = random.integers(0, 256, (40, 60, 3), dtype=np.uint8)
                pixels[..., 0] = 100 * numbers
                mask = Image.fromarray(numbers)
                if at % 2:
                    mask = mask.convert("P")
                    mask.putpalette([255, 0, 0, 0, 255, 0])
                mask.save(tmp_path / "data" / part / "masks" / f"{at}.png")
                Image.fromarray(pixels).save(tmp_path / "data" / part / "images" / f"{at}.bmp")
        return tmp_path / "data"

    return write


def _opened(root: Path, **settings: object) -> Dataset:
    given = {"mean": (0.0,), "std": (1.0,)} | settings
    return open_dataset(DataConfig(name="imagemasks", root=root, **given))


class TestConforms(DatasetConformance):
    targets_are_classes = False

    @pytest.fixture
    def dataset(self, make: Make) -> Dataset:
        return _opened(make())

    @pytest.fixture
    def same_dataset(self, dataset: Dataset, tmp_path: Path) -> Dataset:
        return _opened(tmp_path / "data")


def _red_is_right(images: torch.Tensor, masks: torch.Tensor) -> torch.Tensor:
    """Where the image says what its mask says; images are scaled smoothly, masks are not."""
    return ((images[:, 0] * 255 > 50).long() == masks)[masks < 255].float().mean()


def test_masks_follow_their_images(make: Make) -> None:
    data = _opened(make(), image_size=48)
    images, masks = next(iter(data.train.batches(4)))
    assert masks.shape == (4, 48, 48) and masks.dtype == torch.int64
    assert (masks[:, :8] == 255).all() and (masks[:, 8:40] < 255).all()  # 48x32 in the middle
    assert _red_is_right(images, masks) > 0.98
    moved = []
    for seed in range(4):
        generator = torch.Generator().manual_seed(seed)
        images, masks = next(iter(data.train.batches(4, generator=generator, augment=True)))
        assert _red_is_right(images, masks) > 0.98
        moved.append(masks)
    assert len({one.sum().item() for one in moved}) > 1


def test_parts_and_names(make: Make) -> None:
    data = _opened(make())
    assert data.classes == ("0", "1")
    assert data.test.names[0] == "test/images/0.bmp"
    assert data.reward.names[0] == "val/images/0.bmp"
    assert next(iter(data.train.batches(1)))[0].shape == (1, 3, 64, 64)


def test_class_names_by_argument_and_by_file(make: Make) -> None:
    root = make()
    assert _opened(root, args={"classes": ["sky", "sea"]}).classes == ("sky", "sea")
    (root / "classes.txt").write_text("ground\nroad\ncar\n")
    assert _opened(root).classes == ("ground", "road", "car")


def test_a_folder_without_parts_is_cut(make: Make) -> None:
    root = make(("",), images=8)
    data = _opened(root)
    assert not data.divided and len(data.train) == 8 and data.test is None


def _resaved(path: Path, pixels: np.ndarray) -> None:
    Image.fromarray(pixels).save(path)


def test_bad_masks_are_told_with_their_file(make: Make) -> None:
    root = make()
    mask = root / "train" / "masks" / "2.png"
    good = mask.read_bytes()

    def refused(message: str, **settings: object) -> None:
        with pytest.raises(WorkloadError, match=message):
            _opened(root, **settings)
        mask.write_bytes(good)

    _resaved(mask, np.zeros((39, 60), np.uint8))
    refused(r"2\.png has 60x39 pixels, its image .*2\.bmp 60x40")
    _resaved(mask, np.full((40, 60), 7, np.uint8))
    refused(r"2\.png has the class 7; allowed: 0 to 1 \(2 classes", args={"classes": ["a", "b"]})
    _resaved(mask, np.zeros((40, 60, 3), np.uint8))
    refused(r"2\.png cannot be read: its pixels are RGB; allowed: palette or 8-bit greyscale")
    mask.write_bytes(b"no image")
    refused(r"2\.png cannot be read")
    mask.unlink()
    refused(r"1 of 4 images of .*train have no mask: the first is .*2\.bmp.*2\.png")
    for one in root.rglob("masks/*.png"):
        _resaved(one, np.full((40, 60), 255, np.uint8))
    refused("hold no class but 0")


def test_a_missing_folder_is_told(make: Make, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(WorkloadError, match="has no folder images/; allowed: train/images"):
        _opened(tmp_path / "empty")

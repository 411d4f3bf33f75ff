"""Images with numbers, from a table."""

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


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """Eight images, whose brightness is their first number."""
    lines = ["path,split,brightness,place"]
    random = np.random.default_rng(0)
    for at in range(8):
        pixels = np.full((20, 20, 3), 30 * at, np.uint8)
        pixels[:2] = random.integers(0, 256, (2, 20, 3))
        Image.fromarray(pixels).save(tmp_path / f"{at}.png")
        lines.append(f"{7 - at}.png,{('train', 'test', 'train', 'val')[at % 4]},{7 - at},-0.{at}")
    (tmp_path / "numbers.csv").write_text("\n".join(lines) + "\n")
    return tmp_path / "numbers.csv"


def _opened(table: Path, **settings: object) -> Dataset:
    return open_dataset(DataConfig(name="targetcsv", args={"file": str(table)}, **settings))


class TestConforms(DatasetConformance):
    targets_are_classes = False

    @pytest.fixture
    def dataset(self, table: Path) -> Dataset:
        return _opened(table)

    @pytest.fixture
    def same_dataset(self, table: Path) -> Dataset:
        return _opened(table)


@pytest.mark.parametrize("image_size", [None, 120])  # kept decoded, or read as needed
def test_each_image_has_its_numbers(table: Path, image_size: int | None) -> None:
    data = _opened(table, image_size=image_size, mean=(0.0,), std=(1.0,))
    assert data.classes == ("brightness", "place")
    assert [len(one) for one in (data.train, data.test, data.reward)] == [4, 2, 2]
    part = data.train.subset(3, 0)
    images, targets = next(iter(part.batches(4, generator=torch.Generator().manual_seed(0))))
    assert targets.dtype == torch.float32 and targets.shape == (3, 2)
    assert torch.allclose(images[:, 0, -3, -3] * 255 / 30, targets[:, 0], atol=0.05)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (",7,", ",nan,", r"numbers\.csv:2: brightness is 'nan'; allowed: a finite number"),
        (",7,", ",inf,", "brightness is 'inf'"),
        (",5,", ",,", r"numbers\.csv:4: brightness is ''"),
        (",5,", ",much,", "brightness is 'much'"),
        ("5.png", "9.png", "names '9.png', which is not in"),
        ("5.png", "4.png", r"numbers\.csv:5: names '4\.png' twice"),
        ("path", "picture", "no column 'path'"),
        (",train", ",trian", "split is 'trian'"),
    ],
)
def test_bad_rows_are_told(table: Path, old: str, new: str, message: str) -> None:
    table.write_text(table.read_text().replace(old, new, 1))
    with pytest.raises(WorkloadError, match=message):
        _opened(table)


def test_a_table_without_numbers_is_told(table: Path) -> None:
    table.write_text("path,split\n0.png,train\n")
    with pytest.raises(WorkloadError, match="no column of numbers"):
        _opened(table)
    table.write_text("path,depth\n")
    with pytest.raises(WorkloadError, match="no rows"):
        _opened(table)

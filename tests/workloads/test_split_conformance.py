"""Our own splits and datasets, held to the contract that users' are held to."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.utils.data import TensorDataset

from edgeprune.testing.datasets import DatasetConformance, SplitConformance
from edgeprune.workloads import ArraySplit, Augmentation, Dataset, FileSplit, Split, TorchSplit
from edgeprune.workloads.datasets.digit_pairs import digit_pairs
from edgeprune.workloads.datasets.digits import digits
from edgeprune.workloads.datasets.imagefolder import imagefolder
from tests.workloads import user_code


class TestArraySplit(SplitConformance):
    @pytest.fixture
    def split(self) -> Split:
        random = np.random.default_rng(0)
        images = random.integers(0, 256, (37, 3, 16, 12), dtype=np.uint8)
        labels = np.repeat([0, 1, 2], [20, 12, 5])
        return ArraySplit("train", images, labels, augmentation=Augmentation())


class TestResizedArraySplit(SplitConformance):
    @pytest.fixture
    def split(self) -> Split:
        random = np.random.default_rng(0)
        images = random.integers(0, 256, (20, 3, 8, 8), dtype=np.uint8)
        return ArraySplit(
            "test", images, np.arange(20) % 3, image_size=16, augmentation=Augmentation()
        )


class TestFileSplit(SplitConformance):
    @pytest.fixture
    def split(self, make_folder: Callable[..., Path]) -> Split:
        root = make_folder(size=(40, 50))
        files = sorted(root.rglob("*.jpg"))
        labels = [("cat", "dog", "eel").index(file.parent.name) for file in files]
        return FileSplit("train", files, labels, image_size=28, augmentation=Augmentation())


class TestTorchSplit(SplitConformance):
    @pytest.fixture
    def split(self) -> Split:
        generator = torch.Generator().manual_seed(0)
        images = torch.randn(21, 3, 8, 8, generator=generator)
        return TorchSplit("train", TensorDataset(images, torch.arange(21) % 3))


class TestOpaqueSplit(SplitConformance):
    @pytest.fixture
    def split(self) -> Split:
        return user_code.opaque_data().train


class TestDigits(DatasetConformance):
    @pytest.fixture(scope="class")
    def dataset(self) -> Dataset:
        return digits()

    @pytest.fixture(scope="class")
    def same_dataset(self) -> Dataset:
        return digits()


class TestDigitPairs(DatasetConformance):
    @pytest.fixture(scope="class")
    def dataset(self) -> Dataset:
        return digit_pairs()

    @pytest.fixture(scope="class")
    def same_dataset(self) -> Dataset:
        return digit_pairs()


class TestImageFolder(DatasetConformance):
    @pytest.fixture
    def dataset(self, make_folder: Callable[..., Path]) -> Dataset:
        return imagefolder(root=make_folder(parts=("train", "val", "test")))

    @pytest.fixture
    def same_dataset(self, dataset: Dataset, tmp_path: Path) -> Dataset:
        return imagefolder(root=tmp_path / "pictures")


class TestUserDataset(DatasetConformance):
    @pytest.fixture
    def dataset(self) -> Dataset:
        return user_code.grey_data_with_reward(3)

    @pytest.fixture
    def same_dataset(self) -> Dataset:
        return user_code.grey_data_with_reward(3)

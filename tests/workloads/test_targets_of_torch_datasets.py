"""Splits of torch datasets whose targets are no classes, and functions that give torch datasets."""

from typing import Any

import pytest
import torch
from torch.utils.data import TensorDataset

from edgeprune.config import DataConfig
from edgeprune.errors import WorkloadError
from edgeprune.testing.datasets import DatasetConformance, SplitConformance
from edgeprune.workloads import Dataset, TorchSplit
from edgeprune.workloads.datasets import open_dataset

IMAGES = torch.randn(10, 3, 6, 6, generator=torch.Generator().manual_seed(0))


def _boxes(rows: int) -> list[dict[str, torch.Tensor]]:
    return [
        {"boxes": torch.rand(row % 3, 4), "labels": torch.zeros(row % 3, dtype=torch.int64)}
        for row in range(rows)
    ]


class TestBoxes(SplitConformance):
    targets_are_classes = False

    @pytest.fixture(scope="class")
    def split(self) -> TorchSplit:
        return TorchSplit("train", list(zip(IMAGES, _boxes(10), strict=True)))


class TestNumbersOfSounds(SplitConformance):
    targets_are_classes = False
    input_axes = 3

    @pytest.fixture(scope="class")
    def split(self) -> TorchSplit:
        return TorchSplit("train", TensorDataset(torch.randn(10, 1, 50), torch.rand(10, 2)))


@pytest.mark.parametrize(
    ("targets", "kind", "shape"),
    [
        ([3, 1, 2], torch.int64, (3,)),
        ([0.5, 1, 2], torch.float32, (3,)),
        (torch.zeros(3, 6, 6, dtype=torch.uint8), torch.int64, (3, 6, 6)),
        (torch.zeros(3, 2, dtype=torch.float64), torch.float32, (3, 2)),
        (torch.zeros(3, 2).numpy(), torch.float32, (3, 2)),
    ],
)
def test_numbers_and_tensors_are_stacked(targets: Any, kind: torch.dtype, shape: Any) -> None:
    split = TorchSplit("train", list(zip(IMAGES, targets, strict=False)))
    _, found = next(iter(split.batches(8)))
    assert found.dtype == kind and tuple(found.shape) == shape


def test_anything_else_comes_as_a_list() -> None:
    split = TorchSplit("train", list(zip(IMAGES, ["a", ("b", 1), None], strict=False)))
    _, found = next(iter(split.batches(8)))
    assert found == ["a", ("b", 1), None]
    assert split.labels.tolist() == [0, 0, 0]


@pytest.mark.parametrize(
    ("targets", "message"),
    [
        ([torch.zeros(2), torch.tensor([1.0, torch.nan])], "item 1 of split 'train' holds NaN"),
        ([torch.zeros(2), torch.zeros(3)], r"has the shape \(3,\), that of item 0.*\(2,\)"),
    ],
)
def test_targets_that_cannot_be_used_are_told(targets: Any, message: str) -> None:
    with pytest.raises(WorkloadError, match=message):
        list(TorchSplit("train", list(zip(IMAGES, targets, strict=False))).batches(4))


# What a user's function may give.


def _part(rows: slice) -> TensorDataset:
    return TensorDataset(IMAGES[rows], torch.arange(10)[rows] % 2)


def mapping() -> dict[str, Any]:
    return {"train": _part(slice(6)), "test": _part(slice(6, 8)), "reward": _part(slice(8, 10))}


def pair() -> tuple[Any, ...]:
    return _part(slice(6)), _part(slice(6, 10)), ("even", "odd")


def whole() -> TensorDataset:
    return _part(slice(10))


def misspelt() -> dict[str, Any]:
    return {"train": _part(slice(6)), "tests": _part(slice(6, 10))}


def listed() -> dict[str, Any]:
    return {"train": _part(slice(6)), "test": [1, 2]}


def no_train() -> dict[str, Any]:
    return {"test": _part(slice(6))}


def measures() -> dict[str, Any]:
    return {"train": TensorDataset(IMAGES, torch.rand(10, 1)), "classes": ["depth"]}


def _opened(name: str) -> Dataset:
    return open_dataset(DataConfig(name=f"{__name__}:{name}"))


class TestMapping(DatasetConformance):
    @pytest.fixture(scope="class")
    def dataset(self) -> Dataset:
        return _opened("mapping")

    @pytest.fixture(scope="class")
    def same_dataset(self) -> Dataset:
        return _opened("mapping")


def test_parts_and_classes_are_found() -> None:
    found = _opened("mapping")
    assert found.classes == ("0", "1") and found.divided
    assert [len(one) for one in (found.train, found.test, found.reward)] == [6, 2, 2]
    assert _opened("pair").classes == ("even", "odd") and _opened("pair").reward is None
    alone = _opened("whole")
    assert alone.test is None and not alone.divided
    assert _opened("measures").classes == ("depth",)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("misspelt", "'tests'; allowed: train, test, reward, classes; did you mean 'test'"),
        ("listed", "gave a dict whose test is a list; allowed: edgeprune.workloads.Dataset"),
        ("no_train", "gave a dict; allowed"),
    ],
)
def test_what_is_no_data_set_is_told(name: str, message: str) -> None:
    with pytest.raises(WorkloadError, match=message):
        _opened(name)

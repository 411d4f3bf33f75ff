from typing import Any

import numpy as np
import pytest
import torch
from torch.utils.data import Dataset, TensorDataset

from edgeprune.errors import WorkloadError
from edgeprune.workloads import TorchSplit

IMAGES = torch.randn(12, 3, 8, 8)


class _Listed(Dataset[Any]):
    """Knows its labels, as torchvision's datasets do; reading an image for them would be slow."""

    targets = (0, 1, 2, 0, 1, 2)

    def __len__(self) -> int:
        return 6

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
        msg = "an image was read"
        raise AssertionError(msg)


def test_labels_are_taken_from_targets_where_there_are_some() -> None:
    assert TorchSplit("train", _Listed()).labels.tolist() == [0, 1, 2, 0, 1, 2]


def test_a_part_reads_the_images_of_its_rows() -> None:
    split = TorchSplit("train", TensorDataset(IMAGES, torch.arange(12) % 3))
    part = split.select(np.array([7, 2]), "reward")
    (images, labels), *rest = part.batches(4)
    assert not rest and labels.tolist() == [1, 2]
    assert torch.equal(images, IMAGES[[7, 2]])
    assert part.select(np.array([1]), "test").labels.tolist() == [2]
    assert list(part.names) == ["reward/00007", "reward/00002"]


@pytest.mark.parametrize(
    ("items", "message"),
    [
        ([torch.zeros(3, 8, 8)], "item 0 of the dataset is a Tensor; allowed: a pair"),
        ([("cat.jpg", 0)], "is an image that is a str"),
        (
            [(torch.zeros(3, 8, 8, dtype=torch.uint8), 0)],
            r"torch.uint8 tensor of shape \(3, 8, 8\)",
        ),
        ([], "has no images"),
    ],
)
def test_items_that_are_no_images_are_told(items: list[Any], message: str) -> None:
    with pytest.raises(WorkloadError, match=message):
        list(TorchSplit("train", items).batches(2))

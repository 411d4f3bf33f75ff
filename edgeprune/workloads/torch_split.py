"""A split of any torch dataset whose items are an image and a label."""

from collections.abc import Iterator, Sized
from typing import Any, Protocol, Self

import numpy as np
import numpy.typing as npt
import torch

from edgeprune.errors import WorkloadError
from edgeprune.workloads.augmentation import Augmentation
from edgeprune.workloads.indexed_split import IndexedSplit
from edgeprune.workloads.split import Batch
from edgeprune.workloads.stratified import Rows


class MapDataset(Sized, Protocol):
    """`torch.utils.data.Dataset` of the map style."""

    def __getitem__(self, index: int) -> Any:
        """An image, (C, H, W) float32 as the model takes it, and its label."""


class TorchSplit(IndexedSplit):
    """Images of a `torch.utils.data.Dataset`, read when they are needed.

    The dataset's own transform makes the model's input, so nothing is normalised here, and
    ``augment=True`` does nothing more: give training images a dataset with random transforms, and
    the reward and test images one without.

    Args:
        name: what messages call it.
        dataset: gives ``(image, label)``; images (C, H, W) float32 of one size.
        labels: (N,) integers; None: the dataset's ``targets``, else they are read one by one.
        rows: (M,) which items are the split's; all of them where not given.

    Raises:
        WorkloadError: an item is no pair of an image and a label.

    Examples:
        >>> from torch.utils.data import TensorDataset
        >>> images, labels = torch.zeros(6, 3, 8, 8), torch.tensor([0, 1, 0, 1, 0, 1])
        >>> split = TorchSplit("train", TensorDataset(images, labels))
        >>> len(split), next(split.batches(4))[0].shape
        (6, torch.Size([4, 3, 8, 8]))
    """

    def __init__(
        self,
        name: str,
        dataset: MapDataset,
        labels: npt.ArrayLike | None = None,
        *,
        rows: Rows | None = None,
    ) -> None:
        chosen = np.arange(len(dataset)) if rows is None else rows
        if labels is None:
            labels = _labels(name, dataset)[chosen]
        super().__init__(name, labels, names=[f"{name}/{row:05d}" for row in chosen])
        self._dataset, self._rows = dataset, chosen

    def select(self, rows: Rows, name: str) -> Self:
        """The split of some rows of this one."""
        return type(self)(name, self._dataset, self.labels[rows], rows=self._rows[rows])

    def _batches(
        self, batch_size: int, generator: torch.Generator | None, augmentation: Augmentation | None
    ) -> Iterator[Batch]:
        for rows in self._order(batch_size, generator):
            images = [_pair(self.name, self._dataset, self._rows[row])[0] for row in rows]
            yield torch.stack(images), torch.from_numpy(self.labels[rows])


def _labels(name: str, dataset: MapDataset) -> npt.NDArray[Any]:
    targets = getattr(dataset, "targets", None)
    if targets is not None:
        return np.asarray(targets)
    labels = [int(_pair(name, dataset, row)[1]) for row in range(len(dataset))]
    return np.array(labels, dtype=np.int64)


def _pair(name: str, dataset: MapDataset, row: int) -> tuple[torch.Tensor, Any]:
    item = dataset[int(row)]
    if isinstance(item, tuple | list) and len(item) == 2:
        image, label = item
        if isinstance(image, torch.Tensor) and image.dtype == torch.float32 and image.ndim == 3:
            return image, label
        found = f"an image that is {_described(image)}"
    else:
        found = f"a {type(item).__name__}"
    msg = (
        f"split {name!r}: item {row} of the dataset is {found}; allowed: a pair of a float32 "
        "tensor of shape (C, H, W) and a label (give the dataset a transform that makes it)"
    )
    raise WorkloadError(msg)


def _described(image: Any) -> str:
    if isinstance(image, torch.Tensor):
        return f"a {image.dtype} tensor of shape {tuple(image.shape)}"
    return f"a {type(image).__name__}"

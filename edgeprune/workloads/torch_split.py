"""A split of any torch dataset whose items are an input and its target."""

from collections.abc import Iterator, Mapping, Sequence, Sized
from typing import Any, Protocol, Self

import numpy as np
import numpy.typing as npt
import torch

from edgeprune.errors import WorkloadError
from edgeprune.tensors import Inputs
from edgeprune.workloads.augmentation import Augmentation
from edgeprune.workloads.collating import class_of, collated, stacked
from edgeprune.workloads.indexed_split import IndexedSplit
from edgeprune.workloads.split import Batch
from edgeprune.workloads.stratified import Rows

#: What one of several inputs may be.
_KINDS = (torch.float32, torch.int64, torch.bool)


class MapDataset(Sized, Protocol):
    """`torch.utils.data.Dataset` of the map style."""

    def __getitem__(self, index: int) -> Any:
        """An input, float32 as the model takes it, and its target."""


class TorchSplit(IndexedSplit):
    """Items of a `torch.utils.data.Dataset`, read when they are needed.

    The dataset's own transform makes the model's input, so nothing is normalised here, and
    ``augment=True`` does nothing more: give training images a dataset with random transforms, and
    the reward and test images one without.

    Args:
        name: what messages call it.
        dataset: gives ``(input, target)``. Inputs are float32 tensors of one shape: (C, H, W) of
            an image; of a model with several a tuple of tensors, or a dict of them by the names of
            its arguments, of which int64 and bool may be some. Targets are anything;
            `edgeprune.workloads.collating.collated` says how those of a batch come.
        labels: (N,) integers that parts are balanced by; None: the dataset's ``targets``, else the
            targets where they are classes, else nothing is balanced.
        rows: (M,) which items are the split's; all of them where not given.

    Raises:
        WorkloadError: an item is no pair of an input and a target.

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
            chosen = self._rows[rows]
            pairs = [_pair(self.name, self._dataset, row) for row in chosen]
            names = [f"item {row} of split {self.name!r}" for row in chosen]
            inputs = [given for given, _ in pairs]
            yield stacked(inputs, names), collated([target for _, target in pairs], names)


def _labels(name: str, dataset: MapDataset) -> npt.NDArray[Any]:
    """What parts are balanced by."""
    count = len(dataset)
    listed = _listed(getattr(dataset, "targets", None), count)
    if listed is not None:
        return listed
    # One target tells for all; reading every mask of a data set to learn that would be slow.
    if not count or class_of(_pair(name, dataset, 0)[1]) is None:
        return np.zeros(count, np.int64)
    classes = [class_of(_pair(name, dataset, row)[1]) for row in range(count)]
    return np.array([0 if one is None else one for one in classes], dtype=np.int64)


def _listed(targets: Any, count: int) -> npt.NDArray[Any] | None:
    """A dataset's ``targets``, as torchvision's have them, where they are a class for each item."""
    try:
        found = np.asarray(targets)
    except ValueError:  # rows of different lengths
        return None
    fits = found.shape == (count,) and np.issubdtype(found.dtype, np.integer)
    return found if fits else None


def _pair(name: str, dataset: MapDataset, row: int) -> tuple[Inputs, Any]:
    item = dataset[int(row)]
    if isinstance(item, tuple | list) and len(item) == 2:
        given, target = item
        several = isinstance(given, tuple | list | Mapping) and len(given) > 0
        parts = [*given.values()] if isinstance(given, Mapping) else given
        wrong = [one for one in parts if not _is_input(one, _KINDS)] if several else []
        if (several and not wrong) or _is_input(given, (torch.float32,)):
            return given, target
        found = f"an image that is {_described(wrong[0] if wrong else given)}"
    else:
        found = f"a {type(item).__name__}"
    msg = (
        f"split {name!r}: item {row} of the dataset is {found}; allowed: a pair of a float32 "
        "tensor, of shape (C, H, W) for an image, and its target (give the dataset a transform "
        "that makes it); a tuple or dict of tensors where the model takes several"
    )
    raise WorkloadError(msg)


def _is_input(given: Any, kinds: Sequence[torch.dtype]) -> bool:
    return isinstance(given, torch.Tensor) and given.dtype in kinds and given.ndim > 0


def _described(image: Any) -> str:
    if isinstance(image, torch.Tensor):
        return f"a {image.dtype} tensor of shape {tuple(image.shape)}"
    return f"a {type(image).__name__}"

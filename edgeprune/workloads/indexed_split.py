"""Splits whose images have names and numbers, so that they can be cut into further splits."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import torch

from edgeprune.errors import WorkloadError
from edgeprune.workloads.augmentation import Augmentation
from edgeprune.workloads.normalisation import IMAGENET, Normalisation
from edgeprune.workloads.split import Batch
from edgeprune.workloads.stratified import Rows, balanced_rows


class IndexedSplit(ABC):
    """Rows of a pool of images, in memory or in files.

    Attributes:
        name: what messages call it.
        labels: (N,) int64, class of each image: what parts are balanced by; zeros where targets
            are no classes.
        targets: (N, ...) what batches have beside the images; the labels of a classification.
        names: (N,) names by which `reward_list` and `test_list` call the images.
    """

    def __init__(
        self,
        name: str,
        labels: npt.ArrayLike,
        *,
        names: Sequence[str] | None = None,
        targets: npt.NDArray[Any] | None = None,
        normalisation: Normalisation = IMAGENET,
        augmentation: Augmentation | None = None,
    ) -> None:
        """Check the labels and the names.

        Args:
            name: what messages call it.
            labels: (N,) integers from 0; what parts are balanced by.
            names: of the images; ``<split>/<row>`` where not given.
            targets: what batches have beside the images; the labels where not given.
            normalisation: applied to every batch.
            augmentation: what ``augment=True`` does; None for nothing.

        Raises:
            WorkloadError: no images, labels that are no classes, or another number of names or
                of targets.
        """
        self.name = name
        self.normalisation = normalisation
        self.augmentation = augmentation
        self.labels = _checked_labels(name, labels)
        if names is None:
            names = [f"{name}/{row:05d}" for row in range(len(self.labels))]
        if len(names) != len(self.labels):
            msg = f"split {name!r} has {len(self.labels)} labels but {len(names)} names"
            raise WorkloadError(msg)
        self.targets = self.labels if targets is None else targets
        if len(self.targets) != len(self.labels):
            msg = f"split {name!r} has {len(self.labels)} images but {len(self.targets)} targets"
            raise WorkloadError(msg)
        # Objects: splits share the strings, and a fixed width would pay for the longest path.
        self.names: npt.NDArray[np.object_] = np.asarray(names, dtype=np.object_)

    def __len__(self) -> int:
        return len(self.labels)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name!r}: {len(self)} images>"

    def batches(
        self, batch_size: int, *, generator: torch.Generator | None = None, augment: bool = False
    ) -> Iterator[Batch]:
        """Every image exactly once; see `Split.batches`."""
        if batch_size < 1:
            msg = f"batch_size is {batch_size}; allowed: at least 1"
            raise ValueError(msg)
        if augment and generator is None:
            msg = "augment=True needs a generator to draw the crops and flips from"
            raise ValueError(msg)
        return self._batches(batch_size, generator, self.augmentation if augment else None)

    def subset(self, count: int, seed: int) -> Self:
        """A random part with balanced classes; see `Split.subset`."""
        if count < 1:
            msg = f"count is {count}; allowed: at least 1"
            raise ValueError(msg)
        return self.select(balanced_rows(self.labels, count, seed), self.name)

    @abstractmethod
    def select(self, rows: Rows, name: str) -> Self:
        """The split of some rows of this one.

        Args:
            rows: (M,) row numbers, in the order in which the new split shall have them.
            name: of the new split.
        """

    @abstractmethod
    def _batches(
        self, batch_size: int, generator: torch.Generator | None, augmentation: Augmentation | None
    ) -> Iterator[Batch]:
        """`batches` with checked arguments; `generator` is there if `augmentation` is."""

    def _order(self, batch_size: int, generator: torch.Generator | None) -> Iterator[Rows]:
        """Row numbers of each batch."""
        order = (
            np.arange(len(self))
            if generator is None
            else torch.randperm(len(self), generator=generator).numpy()
        )
        for start in range(0, len(order), batch_size):
            yield order[start : start + batch_size]


def _checked_labels(name: str, labels: npt.ArrayLike) -> Rows:
    found = np.asarray(labels)
    if found.ndim != 1 or not np.issubdtype(found.dtype, np.integer):
        msg = (
            f"split {name!r}: labels have shape {found.shape} and dtype {found.dtype}; "
            "allowed: one integer per image"
        )
        raise WorkloadError(msg)
    if not len(found):
        msg = f"split {name!r} has no images"
        raise WorkloadError(msg)
    if found.min() < 0:
        msg = f"split {name!r} has the label {found.min()}; allowed: integers from 0"
        raise WorkloadError(msg)
    return found.astype(np.int64)

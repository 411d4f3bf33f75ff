"""What a split is: inputs of a model with their targets, in batches."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch

from edgeprune.tasks import Targets
from edgeprune.tensors import Inputs

#: (N, ...) float32 inputs as the model takes them, such as (N, C, H, W) normalised images (several
#: in a tuple or by name where it takes several), and their targets: a tensor (N, ...), such as (N,)
#: int64 labels, or a list of N.
Batch = tuple[Inputs, Targets]


@runtime_checkable
class Split(Protocol):
    """Images with targets. `edgeprune.testing.datasets.SplitConformance` holds one to this."""

    @property
    def name(self) -> str:
        """What messages call it: ``train``, ``reward`` or ``test``."""
        ...

    def __len__(self) -> int:
        """Number of images."""
        ...

    def batches(
        self, batch_size: int, *, generator: torch.Generator | None = None, augment: bool = False
    ) -> Iterator[Batch]:
        """Every image exactly once; the last batch may be smaller.

        Args:
            batch_size: images per batch, at least 1.
            generator: shuffles, and is the only source of randomness; without it the order is
                always the same.
            augment: crop and flip at random; needs a generator.

        Returns:
            Pairs of images, (N, C, H, W) float32 normalised, and targets: of a classification
            labels, (N,) int64; see `Batch` for others.

        Raises:
            ValueError: `batch_size` is below 1, or `augment` without a generator.
            WorkloadError: an image cannot be read.
        """
        ...

    def subset(self, count: int, seed: int) -> "Split":
        """A random part, with the classes, if any, balanced as far as there are images.

        Args:
            count: number of images, at least 1; a larger one than there are gives all of them.
            seed: equal seeds give equal parts.

        Raises:
            ValueError: `count` is below 1.
        """
        ...


@dataclass(frozen=True)
class Splits:
    """The three splits of a workload; no image is in two of them.

    Attributes:
        train: what weights may be fitted to.
        reward: what a search is scored on; no weights have seen it.
        test: what results are scored on, once each.
    """

    train: Split
    reward: Split
    test: Split

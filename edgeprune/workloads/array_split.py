"""A split whose images lie in an array, in memory or mapped from a file."""

from collections.abc import Iterator, Sequence
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F

from edgeprune.errors import WorkloadError
from edgeprune.folders import CACHE_VARIABLE
from edgeprune.workloads.augmentation import Augmentation
from edgeprune.workloads.indexed_split import IndexedSplit
from edgeprune.workloads.normalisation import IMAGENET, Normalisation
from edgeprune.workloads.split import Batch
from edgeprune.workloads.stratified import Rows


class ArraySplit(IndexedSplit):
    """Images of one size as bytes; they become normalised floats batch by batch."""

    def __init__(
        self,
        name: str,
        images: npt.NDArray[np.uint8],
        labels: npt.ArrayLike,
        *,
        rows: Rows | None = None,
        names: Sequence[str] | None = None,
        targets: npt.NDArray[Any] | None = None,
        image_size: int | None = None,
        normalisation: Normalisation = IMAGENET,
        augmentation: Augmentation | None = None,
    ) -> None:
        """Hold images; nothing is copied.

        Args:
            name: what messages call it.
            images: (M, C, H, W) uint8, possibly memory-mapped; splits may share one array.
            labels: (N,) integers from 0.
            rows: (N,) where in `images` the split's images are; all of them where not given.
            names: (N,) names of the images; ``<split>/<row>`` where not given.
            targets: (N, numbers) of a regression; the labels where not given.
            image_size: height and width of the batches; the array's own where not given.
            normalisation: mean and standard deviation per channel.
            augmentation: what ``augment=True`` does; None for nothing.

        Raises:
            WorkloadError: the array is not of that kind, or the numbers of images, labels and
                channels do not agree.
        """
        super().__init__(
            name,
            labels,
            names=names,
            targets=targets,
            normalisation=normalisation,
            augmentation=augmentation,
        )
        if images.ndim != 4 or images.dtype != np.uint8:
            msg = (
                f"split {name!r}: images have shape {images.shape} and dtype {images.dtype}; "
                "allowed: (images, channels, height, width) of uint8"
            )
            raise WorkloadError(msg)
        if images.shape[1] != len(normalisation.mean):
            msg = (
                f"split {name!r}: images have {images.shape[1]} channels, "
                f"mean and std have {len(normalisation.mean)}"
            )
            raise WorkloadError(msg)
        self._images = images
        self._rows = np.arange(len(images)) if rows is None else rows
        if len(self._rows) != len(self):
            msg = f"split {name!r} has {len(self._rows)} images but {len(self)} labels"
            raise WorkloadError(msg)
        self._image_size = image_size

    def __getstate__(self) -> dict[str, Any]:
        """For another process: the split's own images, or the name of the file they lie in."""
        state, images = dict(vars(self)), self._images
        if isinstance(images, np.memmap):
            place = (str(images.filename), images.offset, images.shape)
            return {**state, "_images": place}
        return {**state, "_images": images[self._rows], "_rows": np.arange(len(self))}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Map the file of images again, where there is one."""
        vars(self).update(state)
        if isinstance(state["_images"], tuple):
            path, offset, shape = state["_images"]
            try:
                self._images = np.memmap(path, np.uint8, "r", offset, shape)
            except OSError as error:
                msg = (
                    f"split {self.name!r}: {path} is not here ({error.strerror}); allowed: a cache "
                    f"({CACHE_VARIABLE}) that all machines share"
                )
                raise WorkloadError(msg) from error

    def select(self, rows: Rows, name: str) -> Self:
        """The split of some rows of this one; the images stay shared."""
        return type(self)(
            name,
            self._images,
            self.labels[rows],
            rows=self._rows[rows],
            names=self.names[rows],  # type: ignore[arg-type]
            targets=self.targets[rows],
            image_size=self._image_size,
            normalisation=self.normalisation,
            augmentation=self.augmentation,
        )

    def _batches(
        self, batch_size: int, generator: torch.Generator | None, augmentation: Augmentation | None
    ) -> Iterator[Batch]:
        for rows in self._order(batch_size, generator):
            images = self._resized(torch.from_numpy(self._images[self._rows[rows]]))
            if augmentation is not None and generator is not None:
                images = augmentation(images, generator)
            normalised = self.normalisation(images)
            # Crops come out with the channels innermost; batches are always plain NCHW.
            yield normalised.contiguous(), torch.from_numpy(self.targets[rows])

    def _resized(self, images: torch.Tensor) -> torch.Tensor:
        size = self._image_size
        if size is None or images.shape[2:] == (size, size):
            return images
        return F.interpolate(
            images.float(), (size, size), mode="bilinear", antialias=True, align_corners=False
        )

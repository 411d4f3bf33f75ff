"""A split whose images are too large to keep: they are decoded as they are asked for."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import torch

from edgeprune.workloads.ahead import read_ahead
from edgeprune.workloads.augmentation import Augmentation
from edgeprune.workloads.decoding import Pixels, Scaling, crop, decode
from edgeprune.workloads.indexed_split import IndexedSplit
from edgeprune.workloads.normalisation import IMAGENET, Normalisation
from edgeprune.workloads.split import Batch
from edgeprune.workloads.stratified import Rows


class FileSplit(IndexedSplit):
    """Image files: scaled to 8/7 of the size that is asked for (256 for 224), then cropped to it.

    Other weights were trained with other shares: see `Scaling`. The crop is central, as for
    ImageNet validation, and random when augmenting.
    """

    def __init__(
        self,
        name: str,
        files: Sequence[Path],
        labels: npt.ArrayLike,
        *,
        image_size: int,
        names: Sequence[str] | None = None,
        targets: npt.NDArray[Any] | None = None,
        normalisation: Normalisation = IMAGENET,
        augmentation: Augmentation | None = None,
        scaling: Scaling = Scaling(),  # noqa: B008 (frozen)
    ) -> None:
        """Note where the images are; none is read yet.

        Args:
            name: what messages call it.
            files: (N,) paths.
            labels: (N,) integers from 0.
            image_size: height and width of the batches.
            names: (N,) names of the images; their paths where not given.
            targets: (N, numbers) of a regression; the labels where not given.
            normalisation: mean and standard deviation of the 3 channels.
            augmentation: whether ``augment=True`` crops at random, and whether it flips.
            scaling: how much more than what is cropped the shorter side is scaled to, and how.

        Raises:
            WorkloadError: the numbers of files, labels and names do not agree.
        """
        super().__init__(
            name,
            labels,
            names=[str(file) for file in files] if names is None else names,
            targets=targets,
            normalisation=normalisation,
            augmentation=augmentation,
        )
        self._files = list(files)
        self._image_size, self._scaling = image_size, scaling

    def select(self, rows: Rows, name: str) -> Self:
        """The split of some rows of this one."""
        return type(self)(
            name,
            [self._files[row] for row in rows],
            self.labels[rows],
            image_size=self._image_size,
            names=self.names[rows],  # type: ignore[arg-type]
            targets=self.targets[rows],
            normalisation=self.normalisation,
            augmentation=self.augmentation,
            scaling=self._scaling,
        )

    def _batches(
        self, batch_size: int, generator: torch.Generator | None, augmentation: Augmentation | None
    ) -> Iterator[Batch]:
        def places() -> Iterator[tuple[Rows, Iterable[tuple[int, float, float, float]]]]:
            for rows in self._order(batch_size, generator):
                drawn = _places(len(rows), augmentation, generator)
                pairs = zip(rows.tolist(), drawn.tolist(), strict=True)
                yield rows, [(row, *place) for row, place in pairs]

        for rows, pixels in read_ahead(self._decode, places()):
            images = self.normalisation(torch.from_numpy(np.stack(pixels)).permute(0, 3, 1, 2))
            yield images.contiguous(), torch.from_numpy(self.targets[rows])

    def _decode(self, row: int, top: float, left: float, mirrored: float) -> Pixels:
        size = self._image_size
        scaled = round(size / self._scaling.crop_share)
        by = self._scaling.interpolation
        pixels = decode(self._files[row], shorter_side=scaled, interpolation=by)
        pixels = crop(pixels, size, top, left)
        return pixels[:, ::-1] if mirrored else pixels


def _places(
    count: int, augmentation: Augmentation | None, generator: torch.Generator | None
) -> torch.Tensor:
    """(count, 3) float64: where each crop starts, from the top and the left, and if it is flipped.

    Drawn here and not in the decoding threads, whose order is not fixed.
    """
    if augmentation is None or generator is None:
        return torch.tensor([0.5, 0.5, 0.0], dtype=torch.float64).expand(count, 3)
    places = torch.rand(count, 3, generator=generator, dtype=torch.float64)
    places[:, 2] = (places[:, 2] < 0.5) if augmentation.flip else 0.0
    return places

"""A split of image files with targets that lie in the image: masks, boxes."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Protocol, Self

import numpy as np
import torch

from edgeprune.tasks import Targets
from edgeprune.workloads.ahead import read_ahead
from edgeprune.workloads.augmentation import Augmentation, Moves
from edgeprune.workloads.decoding import Pixels
from edgeprune.workloads.indexed_split import IndexedSplit
from edgeprune.workloads.normalisation import IMAGENET, Normalisation
from edgeprune.workloads.split import Batch
from edgeprune.workloads.stratified import Rows


class Scene(Protocol):
    """An image file and what lies in it."""

    @property
    def name(self) -> str:
        """By which lists of images call it."""
        ...

    def read(self, size: int) -> tuple[Pixels, Any]:
        """The image in a square, (size, size, 3) uint8, and what lies where in that square.

        Raises:
            WorkloadError: a file cannot be read, or the two do not fit each other.
        """
        ...

    @staticmethod
    def together(found: Sequence[Any], moves: Moves | None) -> Targets:
        """The targets of a batch of such scenes.

        Args:
            found: what `read` gave beside each image.
            moves: how the images were cropped and flipped, if they were.
        """
        ...


class SceneSplit(IndexedSplit):
    """Scenes, read when they are needed and brought into a square; see `Fitting`.

    Args:
        name: what messages call it.
        scenes: all of one kind.
        image_size: height and width of the batches.
        normalisation: mean and standard deviation of the 3 channels.
        augmentation: what ``augment=True`` does, to images and targets; None for nothing.
    """

    def __init__(
        self,
        name: str,
        scenes: Sequence[Scene],
        *,
        image_size: int,
        normalisation: Normalisation = IMAGENET,
        augmentation: Augmentation | None = None,
    ) -> None:
        super().__init__(
            name,
            np.zeros(len(scenes), np.int64),
            names=[scene.name for scene in scenes],
            normalisation=normalisation,
            augmentation=augmentation,
        )
        self._scenes, self._image_size = scenes, image_size

    def select(self, rows: Rows, name: str) -> Self:
        """The split of some rows of this one."""
        return type(self)(
            name,
            [self._scenes[row] for row in rows],
            image_size=self._image_size,
            normalisation=self.normalisation,
            augmentation=self.augmentation,
        )

    def _batches(
        self, batch_size: int, generator: torch.Generator | None, augmentation: Augmentation | None
    ) -> Iterator[Batch]:
        def scenes() -> Iterator[tuple[Rows, Iterable[tuple[Scene, int]]]]:
            for rows in self._order(batch_size, generator):
                yield rows, [(self._scenes[row], self._image_size) for row in rows]

        for _, found in read_ahead(lambda scene, size: scene.read(size), scenes()):
            pixels = np.stack([image for image, _ in found])
            images, moves = torch.from_numpy(pixels).permute(0, 3, 1, 2), None
            if augmentation is not None and generator is not None:
                moves = augmentation.draw(images.shape, generator)
                images = moves.images(images)
            targets = self._scenes[0].together([target for _, target in found], moves)
            # Crops come out with the channels innermost; batches are always plain NCHW.
            yield self.normalisation(images).contiguous(), targets

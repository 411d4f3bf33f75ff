"""Masks: images whose pixels are numbers of classes."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from edgeprune.errors import WorkloadError
from edgeprune.workloads.augmentation import Moves
from edgeprune.workloads.decoding import Pixels, decode, opened_image, read_size
from edgeprune.workloads.fitting import Fitting

#: The number of pixels that count for nothing.
IGNORED = 255
#: Pillow's modes whose pixels are single numbers of 8 bits (a palette's are its places) or 1 bit.
_MODES = ("P", "L", "1")


@dataclass(frozen=True)
class MaskedScene:
    """See `Scene`: an image and its mask, torch.uint8 (size, size).

    Attributes:
        name: path of the image, relative to the root.
        image: its file.
        mask: the mask's file.
    """

    name: str
    image: Path
    mask: Path

    def read(self, size: int) -> tuple[Pixels, torch.Tensor]:
        """See `Scene.read`."""
        pixels, numbers = decode(self.image), read_mask(self.mask)
        self._compare(pixels.shape[:2], numbers.shape)
        fitting = Fitting(numbers.shape[0], numbers.shape[1], size)
        return fitting.image(pixels), torch.from_numpy(fitting.mask(numbers, IGNORED))

    @staticmethod
    def together(found: Sequence[torch.Tensor], moves: Moves | None) -> torch.Tensor:
        """See `Scene.together`: (N, size, size) int64."""
        masks = torch.stack(tuple(found))
        if moves is not None:
            masks = moves.images(masks[:, None], fill=IGNORED)[:, 0]
        return masks.long().contiguous()

    def numbers(self) -> list[int]:
        """The numbers that its mask holds, but for the ignored.

        Raises:
            WorkloadError: the mask cannot be read, or is not of the image's size.
        """
        found = read_mask(self.mask)
        self._compare(read_size(self.image), found.shape)
        # np.unique sorts all pixels, which takes ten times as long.
        seen = np.flatnonzero(np.bincount(found.ravel(), minlength=1))
        return [int(number) for number in seen if number != IGNORED]

    def _compare(self, image: Sequence[int], mask: Sequence[int]) -> None:
        if tuple(image) != tuple(mask):
            msg = (
                f"mask {self.mask} has {mask[1]}x{mask[0]} pixels, its image "
                f"{self.image} {image[1]}x{image[0]}; allowed: the same size"
            )
            raise WorkloadError(msg)


def read_mask(path: Path) -> Pixels:
    """The class numbers of a mask's pixels: (H, W) uint8.

    Raises:
        WorkloadError: it cannot be read, or its pixels are colours.
    """
    try:
        with opened_image(path) as image:
            if image.mode not in _MODES:
                msg = f"its pixels are {image.mode}; allowed: palette or 8-bit greyscale"
                raise ValueError(msg)
            return np.asarray(image).astype(np.uint8)
    except (OSError, SyntaxError, ValueError, EOFError) as error:
        msg = f"mask {path} cannot be read: {error}"
        raise WorkloadError(msg) from error

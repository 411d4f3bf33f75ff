"""An image of any size brought into a square, and where its pixels are then."""

from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image

from edgeprune.workloads.decoding import Pixels

#: Height and width of the batches of larger images, where none is told.
LARGE_SIZE = 320
#: What networks halve five times is a multiple of this.
_MULTIPLE = 32


@dataclass(frozen=True)
class Fitting:
    """Scales an image so that it just fits into a square, centred, and fills the rest.

    Nothing is cut off and nothing is stretched: what lies in the image keeps its shape.

    Attributes:
        height: of the image.
        width: of the image.
        size: height and width of the square.
    """

    height: int
    width: int
    size: int

    @property
    def scaled(self) -> tuple[int, int]:
        """Height and width of the image inside the square."""
        factor = self.size / max(self.height, self.width)
        return max(round(self.height * factor), 1), max(round(self.width * factor), 1)

    @property
    def corner(self) -> tuple[int, int]:
        """First row and column of the image inside the square."""
        height, width = self.scaled
        return (self.size - height) // 2, (self.size - width) // 2

    def image(self, pixels: Pixels) -> Pixels:
        """Bilinear; (H, W, 3) to (size, size, 3), on black."""
        return self._placed(pixels, Image.Resampling.BILINEAR, 0)

    def mask(self, numbers: Pixels, fill: int) -> Pixels:
        """Of each pixel the nearest; (H, W) to (size, size)."""
        return self._placed(numbers, Image.Resampling.NEAREST, fill)

    def boxes(self, boxes: torch.Tensor) -> torch.Tensor:
        """(M, 4) float32 left, top, right and bottom: from pixels of the image to the square's."""
        top, left = self.corner
        height, width = self.scaled
        x, y = width / self.width, height / self.height
        return boxes * torch.tensor([x, y, x, y]) + torch.tensor([left, top] * 2)

    def _placed(self, pixels: Pixels, how: Image.Resampling, fill: int) -> Pixels:
        height, width = self.scaled
        if (height, width) != pixels.shape[:2]:
            pixels = np.asarray(Image.fromarray(pixels).resize((width, height), how))
        top, left = self.corner
        square = np.full((self.size, self.size, *pixels.shape[2:]), fill, np.uint8)
        square[top : top + height, left : left + width] = pixels
        return square


def usual_size(height: int, width: int) -> int:
    """Height and width of the batches where none is told: of images like this one."""
    longer = max(height, width)
    return min(LARGE_SIZE, -(-longer // _MULTIPLE) * _MULTIPLE)

"""Random crop and horizontal flip, drawn from a generator that the caller owns."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F


@dataclass(frozen=True)
class Augmentation:
    """Pad, crop back at a random place, flip half of the images.

    The usual recipe of CIFAR training (He et al., CVPR 2016, section 4.2): 4 zero pixels around
    a 32x32 image. Other sizes are padded in proportion.

    Attributes:
        flip: whether mirrored images keep their class; not so for digits.
    """

    flip: bool = True

    def __call__(self, images: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        """Augment a batch.

        Args:
            images: (N, C, H, W), any dtype; padding is black.
            generator: draws the crops and the flips.

        Returns:
            A new (N, C, H, W) tensor.
        """
        return self.draw(images.shape, generator).images(images)

    def draw(self, shape: torch.Size, generator: torch.Generator) -> "Moves":
        """Draw what happens to a batch, whose targets may have to follow.

        Args:
            shape: (N, C, H, W) of the images.
            generator: draws the crops and the flips.
        """
        count, _, height, width = shape
        down = torch.randint(2 * padding(height) + 1, (count,), generator=generator)
        right = torch.randint(2 * padding(width) + 1, (count,), generator=generator)
        mirrored = torch.zeros(count, dtype=torch.bool)
        if self.flip:
            mirrored = torch.rand(count, generator=generator) < 0.5
        return Moves(height, width, down, right, mirrored)


@dataclass(frozen=True)
class Moves:
    """Where each image of a batch is cropped out of its padded self, and if it is mirrored.

    Attributes:
        height: of the images.
        width: of the images.
        top: (N,) int64, first row of each crop; an image stays in place at `padding` of its height.
        left: (N,) int64, likewise of columns.
        mirrored: (N,) bool.
    """

    height: int
    width: int
    top: torch.Tensor
    left: torch.Tensor
    mirrored: torch.Tensor

    def images(self, images: torch.Tensor, fill: int = 0) -> torch.Tensor:
        """Move images, or masks of them.

        Args:
            images: (N, C, H, W), any dtype.
            fill: what is around them.

        Returns:
            A new (N, C, H, W) tensor.
        """
        pad_y, pad_x = padding(self.height), padding(self.width)
        rows = self.top[:, None] + torch.arange(self.height)
        columns = self.left[:, None] + torch.arange(self.width)
        columns[self.mirrored] = columns[self.mirrored].flip(1)
        padded = F.pad(images, (pad_x, pad_x, pad_y, pad_y), value=fill)
        which = torch.arange(len(images)).view(-1, 1, 1)
        # Indexing around the channel axis moves it last.
        return padded[which, :, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2)

    def boxes(self, boxes: torch.Tensor, row: int) -> torch.Tensor:
        """Move boxes of one image; they may then stand out of it.

        Args:
            boxes: (M, 4) float32: left, top, right and bottom in pixels.
            row: of the image in its batch.
        """
        x = padding(self.width) - float(self.left[row])
        y = padding(self.height) - float(self.top[row])
        left, top, right, bottom = (boxes + torch.tensor([x, y, x, y])).unbind(1)
        if self.mirrored[row]:
            left, right = self.width - right, self.width - left
        return torch.stack([left, top, right, bottom], 1)


def padding(size: int) -> int:
    """Pixels of padding on each side of an image: 4 at 32 pixels."""
    return round(size / 8)

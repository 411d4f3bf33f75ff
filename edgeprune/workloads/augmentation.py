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
        count, _, height, width = images.shape
        pad_y, pad_x = padding(height), padding(width)
        top = torch.randint(2 * pad_y + 1, (count, 1), generator=generator)
        left = torch.randint(2 * pad_x + 1, (count, 1), generator=generator)
        rows = top + torch.arange(height)
        columns = left + torch.arange(width)
        if self.flip:
            mirrored = torch.rand(count, generator=generator) < 0.5
            columns[mirrored] = columns[mirrored].flip(1)
        padded = F.pad(images, (pad_x, pad_x, pad_y, pad_y))
        which = torch.arange(count).view(-1, 1, 1)
        # Indexing around the channel axis moves it last.
        return padded[which, :, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2)


def padding(size: int) -> int:
    """Pixels of padding on each side of an image: 4 at 32 pixels."""
    return round(size / 8)

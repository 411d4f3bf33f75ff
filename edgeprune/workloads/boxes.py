"""Images and the boxes of what is in them."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from edgeprune.errors import WorkloadError
from edgeprune.workloads.augmentation import Moves
from edgeprune.workloads.decoding import Pixels, decode
from edgeprune.workloads.fitting import Fitting

#: Boxes of which a crop leaves less than this share are left out.
_LEFT = 0.25

#: ``boxes``: (M, 4) float32 of left, top, right and bottom in pixels; ``labels``: (M,) int64.
Boxes = dict[str, torch.Tensor]


@dataclass(frozen=True, eq=False)
class BoxedScene:
    """See `Scene`: an image and its `Boxes`.

    Attributes:
        name: path of the image, relative to the root.
        image: its file.
        height: of the image, as its annotations say.
        width: likewise.
        boxes: in pixels of the image.
    """

    name: str
    image: Path
    height: int
    width: int
    boxes: Boxes

    def read(self, size: int) -> tuple[Pixels, Boxes]:
        """See `Scene.read`."""
        pixels = decode(self.image)
        if pixels.shape[:2] != (self.height, self.width):
            msg = (
                f"image {self.image} has {pixels.shape[1]}x{pixels.shape[0]} pixels, its "
                f"annotations say {self.width}x{self.height}"
            )
            raise WorkloadError(msg)
        fitting = Fitting(self.height, self.width, size)
        return fitting.image(pixels), self.boxes | {"boxes": fitting.boxes(self.boxes["boxes"])}

    @staticmethod
    def together(found: Sequence[Boxes], moves: Moves | None) -> list[Boxes]:
        """See `Scene.together`."""
        if moves is None:
            return list(found)
        return [_moved(boxes, moves, row) for row, boxes in enumerate(found)]


def _moved(found: Boxes, moves: Moves, row: int) -> Boxes:
    moved = moves.boxes(found["boxes"], row)
    limits = torch.tensor([moves.width, moves.height] * 2)
    kept = moved.minimum(limits).clamp_min(0)
    there = _area(kept) >= _LEFT * _area(moved)
    return {"boxes": kept[there], "labels": found["labels"][there]}


def _area(boxes: torch.Tensor) -> torch.Tensor:
    return (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])

"""Which location of a dense detector learns which object."""

import torch

from edgeprune.tasks.boxes import areas
from edgeprune.tasks.dense_boxes import DenseBoxes

#: Side of the objects that a map is for, in its strides; each map has those nearest to it.
SIDE = 4.0
#: Locations so many strides around an object's centre learn it (FCOS's centre sampling).
RADIUS = 1.5


def assigned(dense: DenseBoxes, boxes: torch.Tensor) -> torch.Tensor:
    """The object of each location, by centre sampling (Tian et al. 2019, section 3.4 of FCOS+).

    An object belongs to the map in whose strides its side is nearest to `SIDE`, and to the
    locations there that are in it and near its centre; to the nearest one in any case, however
    small it is. Where two claim a location, the smaller one has it.

    Args:
        dense: of the network; only its locations are looked at.
        boxes: (M, 4) of one image.

    Returns:
        (A,) int64: a row of `boxes`, or -1.
    """
    free = torch.full((len(dense.strides),), -1, dtype=torch.int64, device=boxes.device)
    if not len(boxes):
        return free
    sides = areas(boxes).clamp_min(1e-6).sqrt()
    maps = torch.unique(dense.strides)
    nearest = ((maps * SIDE).log()[:, None] - sides.log()).abs().argmin(0)
    own = dense.strides[:, None] == maps[nearest]
    middle = (boxes[:, :2] + boxes[:, 2:]) / 2
    away = (dense.centres[:, None] - middle).abs().amax(-1)
    near = own & (away < RADIUS * dense.strides[:, None]) & _inside(dense.centres, boxes)
    away = torch.where(own, away, torch.inf)
    near[away.argmin(0), torch.arange(len(boxes), device=boxes.device)] = True
    claims = torch.where(near, areas(boxes), torch.inf)
    smallest, rows = claims.min(1)
    return torch.where(smallest.isfinite(), rows, free)


def _inside(centres: torch.Tensor, boxes: torch.Tensor) -> torch.Tensor:
    """(A, M) whether each location is in each box."""
    after = (centres[:, None] > boxes[:, :2]).all(-1)
    return after & (centres[:, None] < boxes[:, 2:]).all(-1)

"""Maps of a dense detector as boxes: one for each location of each map."""

from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F

from edgeprune.tasks.boxes import unsuppressed
from edgeprune.tensors import flattened_outputs

#: Boxes of an image that are looked at, and that are given, as in COCO's evaluation.
CANDIDATES, MOST = 300, 100
#: Score below which nothing is found: it would only stand at the end of the list.
LOWEST_SCORE = 0.01
#: Overlap with a better box above which a box is the same find.
SUPPRESSED = 0.6


@dataclass(frozen=True)
class DenseBoxes:
    """What a detector says at each of its A locations, of N images.

    Attributes:
        logits: (N, A, classes) float32, before the sigmoid.
        boxes: (N, A, 4) float32, left, top, right and bottom in pixels of the input.
        centres: (A, 2) float32, x and y of the locations in pixels.
        strides: (A,) float32, pixels from one location to the next.
    """

    logits: torch.Tensor
    boxes: torch.Tensor
    centres: torch.Tensor
    strides: torch.Tensor


def dense_boxes(outputs: Any, height: int, width: int) -> DenseBoxes:
    """Read the maps of a detector.

    A map (N, 4 + classes, H, W) has the distances to the left, top, right and bottom side in
    strides, through a softplus (which is positive, and grows no faster than its input), and then
    the classes' logits. A stride is the input's size over the map's.

    Args:
        outputs: maps in any form.
        height: of the input, in pixels.
        width: likewise.
    """
    logits, boxes, centres, strides = [], [], [], []
    for found in flattened_outputs(outputs).values():
        rows, columns = found.shape[-2:]
        down, right = height / rows, width / columns
        y = (torch.arange(rows, device=found.device) + 0.5) * down
        x = (torch.arange(columns, device=found.device) + 0.5) * right
        grid = torch.stack(torch.meshgrid(x, y, indexing="xy"), -1).reshape(-1, 2)
        flat = found.float().flatten(2).transpose(1, 2)
        away = F.softplus(flat[..., :4]) * flat.new_tensor([right, down, right, down])
        boxes.append(torch.cat([grid - away[..., :2], grid + away[..., 2:]], -1))
        logits.append(flat[..., 4:])
        centres.append(grid)
        strides.append(grid.new_full((len(grid),), (down * right) ** 0.5))
    return DenseBoxes(
        torch.cat(logits, 1), torch.cat(boxes, 1), torch.cat(centres), torch.cat(strides)
    )


def detections(
    dense: DenseBoxes, height: int, width: int, lowest: float = LOWEST_SCORE
) -> list[dict[str, torch.Tensor]]:
    """The objects that a detector finds in each image, the surest first.

    Each location gives its likeliest class. What is not finite finds nothing.

    Args:
        dense: of N images.
        height: of the input, which boxes are cut at.
        width: likewise.
        lowest: score from which something is found.

    Returns:
        Of each image ``boxes`` (M, 4), ``scores`` (M,) and ``labels`` (M,), M at most `MOST`.
    """
    finite = dense.logits.isfinite().all(-1) & dense.boxes.isfinite().all(-1)
    scores, labels = dense.logits.sigmoid().max(-1)
    scores = torch.where(finite, scores, 0.0)
    best, places = scores.topk(min(CANDIDATES, scores.shape[1]), dim=1)
    labels = labels.gather(1, places)
    chosen = places[..., None].expand(-1, -1, 4)
    limits = dense.boxes.new_tensor([width, height] * 2)
    boxes = torch.nan_to_num(dense.boxes.gather(1, chosen)).clamp_min(0).minimum(limits)
    kept = unsuppressed(boxes, labels, SUPPRESSED) & (best >= lowest)
    rows = [row.nonzero()[:MOST, 0] for row in kept]
    return [
        {"boxes": boxes[at, row], "scores": best[at, row], "labels": labels[at, row]}
        for at, row in enumerate(rows)
    ]

"""Boxes as (..., 4) tensors of left, top, right and bottom: overlaps and suppression."""

import torch

#: Images whose boxes are compared at once: 300 boxes of each take some 6 MB a time.
_AT_ONCE = 16


def areas(boxes: torch.Tensor) -> torch.Tensor:
    """(..., 4) to (...); 0 for boxes that are turned inside out."""
    return (boxes[..., 2:] - boxes[..., :2]).clamp_min(0).prod(-1)


def overlap(first: torch.Tensor, second: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Intersection over union, and its generalisation to boxes apart (Rezatofighi et al. 2019).

    Args:
        first: (..., 4).
        second: (..., 4), of a shape that broadcasts with it.

    Returns:
        0 to 1, and -1 to 1: both 1 where boxes are equal.
    """
    upper_left = torch.maximum(first[..., :2], second[..., :2])
    lower_right = torch.minimum(first[..., 2:], second[..., 2:])
    shared = (lower_right - upper_left).clamp_min(0).prod(-1)
    smallest = torch.finfo(first.dtype).eps
    union = (areas(first) + areas(second) - shared).clamp_min(smallest)
    hull = torch.maximum(first[..., 2:], second[..., 2:])
    hull = hull - torch.minimum(first[..., :2], second[..., :2])
    around = hull.clamp_min(0).prod(-1).clamp_min(smallest)
    share = shared / union
    return share, share - (around - union).clamp_min(0) / around


def unsuppressed(boxes: torch.Tensor, labels: torch.Tensor, most: float) -> torch.Tensor:
    """Non-maximum suppression within each label, of all images of a batch at once.

    Args:
        boxes: (N, M, 4), the best first.
        labels: (N, M).
        most: overlap with a better box of the same label above which a box goes.

    Returns:
        (N, M) bool, those that stay.
    """
    parts = [boxes[start : start + _AT_ONCE] for start in range(0, len(boxes), _AT_ONCE)]
    shares = [overlap(few[:, :, None], few[:, None])[0] > most for few in parts]
    hides = (torch.cat(shares) & (labels[:, :, None] == labels[:, None])).triu(1)
    kept = torch.ones(boxes.shape[:2], dtype=torch.bool, device=boxes.device)
    for row in range(boxes.shape[1]):
        # One that is gone hides nothing.
        kept &= ~(hides[:, row] & kept[:, row, None])
    return kept

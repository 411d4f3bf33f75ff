"""Segmentation: one class a pixel."""

from collections.abc import Sequence
from typing import Any, ClassVar

import torch
import torch.nn.functional as F

from edgeprune.errors import WorkloadError
from edgeprune.tasks.classification import softened_divergence
from edgeprune.tasks.protocol import Metric, Targets, Task
from edgeprune.tensors import flattened_outputs

#: Weight of each further map that a network gives in training, as in torchvision's recipe.
AUXILIARY = 0.5


class Segmentation(Task):
    """One of several classes for each pixel: logits (N, classes, H, W), masks (N, H, W) int64.

    Of several outputs the first is judged (torchvision's ``out``); the others are trained with
    half of the weight. Maps smaller than the masks are scaled up to them, bilinearly.

    Args:
        ignore: label of pixels that count for nothing.
    """

    name = "segmentation"
    known = (Metric("mIoU"), Metric("pixel accuracy"), Metric("F1"))
    default: ClassVar[int] = 2
    classes_named: ClassVar[bool] = True
    by_class_of: ClassVar[str] = "pixels"

    def __init__(self, *, ignore: int = 255) -> None:
        self.ignore = ignore

    def check(self, outputs: Any, targets: Targets, classes: Sequence[str]) -> None:
        """See `Task.check`."""
        found = _maps(outputs)[0]
        if found.ndim != 4 or found.shape[1] != len(classes):
            msg = (
                f"the model's forward gives the shape {tuple(found.shape)} on one image; allowed "
                f"for segmentation: (1, {len(classes)}, height, width), a map for each of the "
                f"{len(classes)} classes"
            )
            raise WorkloadError(msg)

    def loss(self, outputs: Any, targets: Targets) -> torch.Tensor:
        """Cross-entropy of the pixels."""
        first, *others = [self._entropy(one, targets) for one in _maps(outputs)]
        return first + AUXILIARY * sum(others, torch.zeros((), device=first.device))

    def divergence(self, outputs: Any, taught: Any, temperature: float = 1.0) -> torch.Tensor:
        """As of classification, the mean over the pixels of the first map."""
        return softened_divergence(_maps(outputs)[0], _maps(taught)[0], temperature)

    def meter(self) -> "PixelMeter":
        """See `Task.meter`."""
        return PixelMeter([one.name for one in self.metrics], self.ignore)

    def agreement(self, outputs: Any, expected: Any) -> float:
        """Share of pixels for which both name the same class."""
        found, given = _maps(outputs)[0], _maps(expected)[0]
        return float((found.argmax(1) == given.argmax(1)).float().mean())

    def chance(self, classes: int) -> float:
        """One class everywhere has at most this mIoU."""
        return 1 / classes

    def _entropy(self, logits: torch.Tensor, masks: torch.Tensor) -> torch.Tensor:
        check_numbers(masks, logits.shape[1], self.ignore)
        scaled = scaled_to(logits.float(), masks)
        return F.cross_entropy(scaled, masks, ignore_index=self.ignore)


class PixelMeter:
    """See `Meter`. Pixels whose logits are not all finite count as wrong."""

    def __init__(self, names: Sequence[str], ignore: int) -> None:
        self._names, self._ignore = names, ignore
        self._confusion = torch.zeros(0, 0, dtype=torch.int64)

    def update(self, outputs: Any, targets: Targets) -> None:
        """See `Meter.update`."""
        from torchmetrics.functional.classification import multiclass_confusion_matrix

        logits = scaled_to(_maps(outputs)[0].float(), targets)
        classes = logits.shape[1]
        check_numbers(targets, classes, self._ignore)
        # No answer is a class of its own, which no pixel has.
        named = torch.where(logits.isfinite().all(1), logits.argmax(1), classes)
        found = multiclass_confusion_matrix(named, targets, classes + 1, ignore_index=self._ignore)
        self._confusion = found.cpu() if not self._confusion.numel() else self._confusion + found

    def compute(self) -> dict[str, float]:
        """See `Meter.compute`; a class that neither truth nor answers hold is left out."""
        right, truth, answers = self._sums()
        union = truth + answers - right
        there = union > 0
        found = {
            "mIoU": float((right[there] / union[there]).mean()),
            "pixel accuracy": float(right.sum() / truth.sum().clamp_min(1)),
            "F1": float((2 * right[there] / (truth + answers)[there]).mean()),
        }
        return {name: found[name] for name in self._names}

    def by_class(self) -> tuple[tuple[int, int], ...]:
        """Union and intersection of truth and answers, in pixels."""
        right, truth, answers = (one.long().tolist() for one in self._sums())
        return tuple(
            (mine + theirs - both, both)
            for both, mine, theirs in zip(right, truth, answers, strict=True)
        )

    def _sums(self) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Pixels that are right, that truly are, and that are answered, by class."""
        confusion = self._confusion.double()
        return confusion.diagonal()[:-1], confusion.sum(1)[:-1], confusion.sum(0)[:-1]


def check_numbers(masks: torch.Tensor, classes: int, ignore: int) -> None:
    """Check that masks hold numbers of classes alone.

    Raises:
        WorkloadError: there is another one.
    """
    beyond = masks[((masks < 0) | (masks >= classes)) & (masks != ignore)]
    if beyond.numel():
        msg = (
            f"a mask has the class {int(beyond[0])}; allowed: 0 to {classes - 1} ({classes} "
            f"classes), and {ignore} for pixels that count for nothing"
        )
        raise WorkloadError(msg)


def scaled_to(logits: torch.Tensor, masks: torch.Tensor) -> torch.Tensor:
    """Maps of the size of the masks."""
    size = masks.shape[-2:]
    if logits.shape[-2:] == size:
        return logits
    return F.interpolate(logits, size, mode="bilinear", align_corners=False)


def _maps(outputs: Any) -> list[torch.Tensor]:
    return list(flattened_outputs(outputs).values())

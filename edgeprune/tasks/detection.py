"""Detection: boxes and classes of the objects in an image."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import torch
import torch.nn.functional as F

from edgeprune.errors import WorkloadError
from edgeprune.tasks.assignment import assigned
from edgeprune.tasks.boxes import overlap
from edgeprune.tasks.dense_boxes import LOWEST_SCORE, DenseBoxes, dense_boxes, detections
from edgeprune.tasks.finds import BoxMeter, matching_share
from edgeprune.tasks.protocol import Metric, Targets, Task
from edgeprune.tensors import flattened_outputs, single

if TYPE_CHECKING:
    from edgeprune.workloads import Split

#: Weight of the boxes beside the classes.
BOXES = 2.0
#: Score from which a find is compared with another network's.
COMPARED = 0.2


class Detection(Task):
    """Dense detection without anchors, as by FCOS (Tian et al. 2019) and YOLO's later versions.

    A network gives maps (N, 4 + classes, H, W) in any form, of which `dense_boxes` tells the
    meaning. Targets are a dict for each image: ``boxes``, (M, 4) float32 of left, top, right and
    bottom in pixels of the input, and ``labels``, (M,) int64; M may be 0.

    Args:
        image_size: height and width of the input in pixels; taken from the training images where
            not given.
    """

    name = "detection"
    known = (Metric("mAP"), Metric("mAP50"), Metric("recall"))
    default: ClassVar[int] = 3

    def __init__(self, *, image_size: int | None = None) -> None:
        self._size: tuple[int, ...] | None = (image_size, image_size) if image_size else None

    def prepare(self, train: "Split") -> None:
        """Take the size of the input from a training image."""
        if self._size is None:
            images, _ = next(iter(train.batches(1)))
            self._size = single(images, "detection without image_size").shape[-2:]

    def check(self, outputs: Any, targets: Targets, classes: Sequence[str]) -> None:
        """See `Task.check`."""
        channels = 4 + len(classes)
        for name, found in flattened_outputs(outputs).items():
            if found.ndim != 4 or found.shape[1] != channels or not classes:
                msg = (
                    f"the model's forward gives {name} of shape {tuple(found.shape)} on one image; "
                    f"allowed for detection: maps of shape (1, {channels}, height, width), of 4 "
                    f"distances and {len(classes)} classes"
                )
                raise WorkloadError(msg)
        if not _are_boxes(targets):
            msg = (
                "the data's targets are no boxes; allowed for detection, for each image: "
                "{'boxes': float32 of shape (objects, 4), 'labels': int64 of shape (objects,)}"
            )
            raise WorkloadError(msg)

    def loss(self, outputs: Any, targets: Targets) -> torch.Tensor:
        """Quality focal loss of the classes (Li et al. 2020) and 1 - GIoU of the boxes.

        The score that a location learns is the overlap of its box with the object's, so that the
        surest finds are the best ones. Both are the mean over the locations that have an object.
        """
        dense = self._dense(outputs)
        wanted = torch.zeros_like(dense.logits)
        apart = dense.logits.new_zeros(())
        count = 0
        for row, target in enumerate(targets):
            objects, labels = target["boxes"].float(), self._labels(target, dense)
            owner = assigned(dense, objects)
            taught = (owner >= 0).nonzero()[:, 0]
            shares, general = overlap(dense.boxes[row, taught], objects[owner[taught]])
            wanted[row, taught, labels[owner[taught]]] = shares.detach()
            apart = apart + (1 - general).sum()
            count += len(taught)
        return (_focal(dense.logits, wanted) + BOXES * apart) / max(count, 1)

    def divergence(self, outputs: Any, taught: Any, temperature: float = 1.0) -> torch.Tensor:
        """Of each class at each location ``KL(taught || outputs) * T²``, and 1 - GIoU of the boxes.

        Boxes count as much as the base model is sure that there is something; both sums are taken
        as a share of that certainty.
        """
        found, given = self._dense(outputs), self._dense(taught)
        ours, theirs = found.logits / temperature, given.logits / temperature
        expected = theirs.sigmoid()
        entropy = F.binary_cross_entropy_with_logits(theirs, expected, reduction="none")
        crossed = F.binary_cross_entropy_with_logits(ours, expected, reduction="none")
        certain = given.logits.sigmoid().amax(-1)
        apart = (1 - overlap(found.boxes, given.boxes)[1]) * certain
        classes = temperature**2 * (crossed - entropy).sum()
        return (classes + BOXES * apart.sum()).clamp_min(0) / certain.sum().clamp_min(1e-6)

    def meter(self) -> BoxMeter:
        """See `Task.meter`."""
        return BoxMeter([one.name for one in self.metrics], self._found)

    def agreement(self, outputs: Any, expected: Any) -> float:
        """Share of what either finds that the other finds too: the same class in the same place."""
        return matching_share(self._found(outputs, COMPARED), self._found(expected, COMPARED))

    def _found(self, outputs: Any, lowest: float = LOWEST_SCORE) -> list[dict[str, torch.Tensor]]:
        return detections(self._dense(outputs), *self._input, lowest)

    def _dense(self, outputs: Any) -> DenseBoxes:
        return dense_boxes(outputs, *self._input)

    @property
    def _input(self) -> tuple[int, int]:
        if self._size is None:
            msg = "the detection task knows no image size; set workload.task_args.image_size"
            raise WorkloadError(msg)
        return self._size[0], self._size[1]

    def _labels(self, target: dict[str, torch.Tensor], dense: DenseBoxes) -> torch.Tensor:
        labels, classes = target["labels"], dense.logits.shape[-1]
        if len(labels) and int(labels.max()) >= classes:
            msg = f"a box has the label {int(labels.max())}; allowed: 0 to {classes - 1}"
            raise WorkloadError(msg)
        return labels


def _focal(logits: torch.Tensor, wanted: torch.Tensor) -> torch.Tensor:
    entropy = F.binary_cross_entropy_with_logits(logits, wanted, reduction="none")
    return (entropy * (wanted - logits.sigmoid()).square()).sum()


def _are_boxes(targets: Targets) -> bool:
    return isinstance(targets, list) and all(
        isinstance(one, dict)
        and isinstance(one.get("boxes"), torch.Tensor)
        and isinstance(one.get("labels"), torch.Tensor)
        and one["boxes"].shape == (len(one["labels"]), 4)
        and one["labels"].dtype == torch.int64
        for one in targets
    )

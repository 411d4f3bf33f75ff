"""What detectors find, beside what is there, or beside what another one finds."""

from collections.abc import Callable, Sequence
from typing import Any

import torch

from edgeprune.errors import WorkloadError
from edgeprune.tasks.boxes import overlap
from edgeprune.tasks.protocol import Targets

#: Of each image ``boxes``, ``labels`` and perhaps ``scores``.
Finds = list[dict[str, torch.Tensor]]

#: Names of torchmetrics' results.
_NAMES = {"mAP": "map", "mAP50": "map_50", "recall": "mar_100"}
#: Overlap from which two finds are the same.
_SAME = 0.75


class BoxMeter:
    """See `Meter`: COCO's mean average precision, and its recall at 100 boxes an image."""

    def __init__(self, names: Sequence[str], found: Callable[[Any], Finds]) -> None:
        try:
            from torchmetrics.detection import MeanAveragePrecision

            self._precision = MeanAveragePrecision(backend="faster_coco_eval")
        except ModuleNotFoundError as error:
            msg = (
                "detection is judged by faster-coco-eval, which is not installed: install "
                f"edgeprune[detection] ({error})"
            )
            raise WorkloadError(msg) from error
        # Few boxes are of use to a search; torchmetrics would warn about every image with more.
        self._precision.warn_on_many_detections = False
        self._names, self._found = names, found

    def update(self, outputs: Any, targets: Targets) -> None:
        """See `Meter.update`."""
        self._precision.update(_on_cpu(self._found(outputs)), _on_cpu(targets))

    def compute(self) -> dict[str, float]:
        """See `Meter.compute`; 0 where there is nothing to find."""
        found = self._precision.compute()
        return {name: max(float(found[_NAMES[name]]), 0.0) for name in self._names}

    def by_class(self) -> tuple[tuple[int, int], ...]:
        """Nothing: an object is found at some overlaps and missed at others."""
        return ()


def matching_share(first: Finds, second: Finds) -> float:
    """Finds of either that the other has too, as a share of all of both; 1 where there are none."""
    there = same = 0
    for one, other in zip(first, second, strict=True):
        there += len(one["labels"]) + len(other["labels"])
        shares, _ = overlap(one["boxes"][:, None], other["boxes"])
        alike = (shares >= _SAME) & (one["labels"][:, None] == other["labels"])
        same += int(alike.any(1).sum()) + int(alike.any(0).sum())
    return same / there if there else 1.0


def _on_cpu(finds: Sequence[dict[str, torch.Tensor]]) -> Finds:
    return [{key: value.cpu() for key, value in one.items()} for one in finds]

"""Classification: one class an image."""

from collections.abc import Sequence
from typing import Any, ClassVar

import torch
import torch.nn.functional as F

from edgeprune.errors import WorkloadError
from edgeprune.tasks.protocol import Metric, Targets, Task


class Classification(Task):
    """One of several classes for each image: logits (N, classes), labels (N,) int64.

    Models with further heads in training give a tuple then, of which the first is judged.
    """

    name = "classification"
    known = (
        Metric("top-1", title="accuracy", counted=True),
        Metric("top-5", counted=True),
        Metric("F1"),
        Metric("recall"),
        Metric("precision"),
    )
    classes_named: ClassVar[bool] = True

    def check(self, outputs: Any, targets: Targets, classes: Sequence[str]) -> None:
        """See `Task.check`."""
        if not isinstance(outputs, torch.Tensor):
            msg = (
                f"the model's forward gives a {type(outputs).__name__}; allowed: one tensor of "
                f"shape (images, {len(classes)}). Wrap the model so that it returns only the logits"
            )
            raise WorkloadError(msg)
        if len(classes) < 2:
            msg = (
                f"the data has {len(classes)} classes {list(classes)}; allowed for "
                "classification: at least 2"
            )
            raise WorkloadError(msg)
        if tuple(outputs.shape) != (1, len(classes)):
            msg = (
                f"the model's forward gives the shape {tuple(outputs.shape)} on one image; "
                f"allowed: (1, {len(classes)})"
            )
            raise WorkloadError(msg)

    def loss(self, outputs: Any, targets: Targets) -> torch.Tensor:
        """Cross-entropy."""
        return F.cross_entropy(logits_of(outputs).float(), targets)

    def divergence(self, outputs: Any, taught: Any, temperature: float = 1.0) -> torch.Tensor:
        """``KL(taught || outputs) * T²`` at temperature T (Hinton et al. 2015, section 2).

        T² keeps its gradient's size independent of the temperature.
        """
        return softened_divergence(logits_of(outputs), logits_of(taught), temperature)

    def meter(self) -> "ClassMeter":
        """See `Task.meter`."""
        return ClassMeter([one.name for one in self.metrics])

    def agreement(self, outputs: Any, expected: Any) -> float:
        """Share of images for which both name the same class."""
        return float((outputs.argmax(1) == expected.argmax(1)).float().mean())

    def chance(self, classes: int) -> float:
        """One of the classes."""
        return 1 / classes


class ClassMeter:
    """See `Meter`. An image whose logits are not all finite counts as wrong."""

    def __init__(self, names: Sequence[str]) -> None:
        self._names = names
        self._ranks: list[torch.Tensor] = []
        self._labels: list[torch.Tensor] = []

    def update(self, outputs: Any, targets: Targets) -> None:
        """See `Meter.update`."""
        logits = logits_of(outputs)
        best = logits.topk(min(5, logits.shape[1]), dim=1).indices
        self._ranks.append(torch.where(logits.isfinite().all(1, keepdim=True), best, -1).cpu())
        self._labels.append(targets.cpu())

    def compute(self) -> dict[str, float]:
        """See `Meter.compute`."""
        ranks, labels = torch.cat(self._ranks), torch.cat(self._labels)
        hits = ranks == labels[:, None]
        found = {"top-1": float(hits[:, 0].double().mean())}
        found["top-5"] = float(hits.any(1).double().mean())
        if beyond := [name for name in self._names if name not in found]:
            found |= _macro(ranks[:, 0], labels, beyond)
        return {name: found[name] for name in self._names}

    def by_class(self) -> tuple[tuple[int, int], ...]:
        """Images of each class, and how many of them are right."""
        ranks, labels = torch.cat(self._ranks), torch.cat(self._labels)
        seen = torch.bincount(labels)
        right = torch.bincount(labels[ranks[:, 0] == labels], minlength=len(seen))
        return tuple(zip(seen.tolist(), right.tolist(), strict=True))


def logits_of(outputs: Any) -> torch.Tensor:
    """The classifier's own: the first of a tuple."""
    return outputs if isinstance(outputs, torch.Tensor) else outputs[0]


def softened_divergence(
    logits: torch.Tensor, taught: torch.Tensor, temperature: float
) -> torch.Tensor:
    """``KL(taught || logits) * T²`` along axis 1, the mean over everything else, in nats."""
    soft = F.kl_div(
        F.log_softmax(logits.float() / temperature, 1),
        F.log_softmax(taught.float() / temperature, 1),
        reduction="sum",
        log_target=True,
    )
    return temperature**2 * soft / (logits.numel() // logits.shape[1])


def _macro(named: torch.Tensor, labels: torch.Tensor, names: Sequence[str]) -> dict[str, float]:
    """Means over the classes that occur; torchmetrics takes seconds to import, so it waits."""
    from torchmetrics.functional import classification as known

    classes = int(max(named.max(), labels.max())) + 2
    # No answer is a class of its own, which no image has.
    given = torch.where(named < 0, classes - 1, named)
    functions = {
        "F1": known.multiclass_f1_score,
        "recall": known.multiclass_recall,
        "precision": known.multiclass_precision,
    }
    present = torch.unique(labels)
    return {
        name: float(functions[name](given, labels, classes, average="none")[present].mean())
        for name in names
    }

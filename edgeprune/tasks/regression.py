"""Regression: numbers for each image."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import torch
import torch.nn.functional as F

from edgeprune.errors import WorkloadError
from edgeprune.tasks.protocol import Metric, Targets, Task
from edgeprune.tensors import flattened_outputs

if TYPE_CHECKING:
    from edgeprune.workloads import Split

#: Training images whose targets tell the scale of each number.
_SCALED_BY = 512


class Regression(Task):
    """Numbers for each image: outputs and targets (N, numbers) float32, or (N,) of a single one.

    Each number's errors are taken as a share of its own spread among the training targets, so
    that a temperature and a share can be learned side by side.

    Args:
        unit: of the targets, for the report.
    """

    name = "regression"
    known: tuple[Metric, ...] = (  # type: ignore[misc]  # each has its unit
        Metric("R2"),
        Metric("MAE", unit="", more_is_better=False),
        Metric("D2"),
        Metric("RMSE", unit="", more_is_better=False),
    )

    default: ClassVar[int] = 2

    def __init__(self, *, unit: str = "") -> None:
        self.known = tuple(
            one if one.unit else Metric(one.name, unit, one.more_is_better) for one in self.known
        )
        self._spread = torch.ones(1)

    def prepare(self, train: "Split") -> None:
        """Take the scale of each number from training targets."""
        few = train.subset(min(_SCALED_BY, len(train)), 0)
        targets = torch.cat([_columns(targets) for _, targets in few.batches(64)])
        spread = targets.std(0, correction=0)
        self._spread = torch.where(spread > 0, spread, 1.0)

    def check(self, outputs: Any, targets: Targets, classes: Sequence[str]) -> None:
        """See `Task.check`."""
        if not isinstance(targets, torch.Tensor) or not targets.is_floating_point():
            kind = targets.dtype if isinstance(targets, torch.Tensor) else type(targets).__name__
            msg = f"the data gives targets of {kind}; allowed for regression: float32 numbers"
            raise WorkloadError(msg)
        found, wanted = tuple(_one(outputs).shape), tuple(targets.shape)
        if _columns(_one(outputs)).shape != _columns(targets).shape:
            numbers = _columns(targets).shape[1]
            msg = (
                f"the model's forward gives the shape {found} on one image, whose targets have "
                f"{wanted}; allowed: (1, {numbers})"
            )
            raise WorkloadError(msg)

    def loss(self, outputs: Any, targets: Targets) -> torch.Tensor:
        """Huber's loss of errors in units of each number's spread.

        Squared errors of an output far away would have gradients that end a training at once.
        """
        error = _columns(_one(outputs)).float() - _columns(targets).float()
        error = error / self._spread.to(error.device)
        return F.smooth_l1_loss(error, torch.zeros_like(error))

    def divergence(self, outputs: Any, taught: Any, temperature: float = 1.0) -> torch.Tensor:
        """The loss beside what the base model gives."""
        return self.loss(outputs, _one(taught))

    def meter(self) -> "NumberMeter":
        """See `Task.meter`."""
        return NumberMeter([one.name for one in self.metrics])

    def agreement(self, outputs: Any, expected: Any) -> float:
        """Share of numbers that differ by less than a hundredth of their spread."""
        error = (_columns(_one(outputs)) - _columns(_one(expected))) / self._spread
        return float((error.abs() < 0.01).float().mean())


class NumberMeter:
    """See `Meter`. Of several numbers, the mean of each one's metric."""

    def __init__(self, names: Sequence[str]) -> None:
        self._names = names
        self._outputs: list[torch.Tensor] = []
        self._targets: list[torch.Tensor] = []

    def update(self, outputs: Any, targets: Targets) -> None:
        """See `Meter.update`."""
        self._outputs.append(_columns(_one(outputs)).double().cpu())
        self._targets.append(_columns(targets).double().cpu())

    def compute(self) -> dict[str, float]:
        """See `Meter.compute`; where an output is not finite, the score is far below chance."""
        from torchmetrics.functional import regression as known

        outputs, targets = torch.cat(self._outputs), torch.cat(self._targets)
        outputs = torch.nan_to_num(outputs, nan=1e6, posinf=1e6, neginf=-1e6)
        absolute = known.mean_absolute_error(outputs, targets)
        functions = {
            "R2": lambda: known.r2_score(outputs, targets),
            "D2": lambda: 1 - absolute / _constant_error(targets),
            "MAE": lambda: absolute,
            "RMSE": lambda: known.mean_squared_error(outputs, targets, squared=False),
        }
        return {name: float(functions[name]()) for name in self._names}

    def by_class(self) -> tuple[tuple[int, int], ...]:
        """There are no classes."""
        return ()


def _constant_error(targets: torch.Tensor) -> torch.Tensor:
    """Mean absolute error of the best constant answer, the median (scikit-learn's D² score)."""
    return (targets - targets.median(0).values).abs().mean().clamp_min(1e-12)


def _one(outputs: Any) -> torch.Tensor:
    """The only tensor, or the first of several."""
    return next(iter(flattened_outputs(outputs).values()))


def _columns(numbers: torch.Tensor) -> torch.Tensor:
    return numbers.reshape(len(numbers), -1)

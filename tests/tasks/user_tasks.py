"""Tasks as a user might write them, right and wrong."""

from typing import Any

import torch

from edgeprune.errors import WorkloadError
from edgeprune.tasks import Meter, Metric, Targets, Task


class Depth(Task):
    """How far away each pixel is, in metres: outputs (N, 1, H, W), targets (N, H, W)."""

    known = (Metric("within 10 %"), Metric("error", unit="m", more_is_better=False))

    def __init__(self, *, farthest: float = 10.0) -> None:
        self.farthest = farthest

    def check(self, outputs: Any, targets: Targets, classes: Any) -> None:
        wanted = (len(targets), 1, *targets.shape[1:])
        if tuple(outputs.shape) != wanted:
            msg = f"the model gives {tuple(outputs.shape)}; allowed: {wanted}"
            raise WorkloadError(msg)

    def loss(self, outputs: Any, targets: Targets) -> torch.Tensor:
        return (outputs[:, 0] - targets).abs().mean() / self.farthest

    def meter(self) -> Meter:
        return DepthMeter([one.name for one in self.metrics], self.farthest)


class DepthMeter:
    def __init__(self, names: list[str], farthest: float) -> None:
        self._names, self._farthest = names, farthest
        self._errors: list[torch.Tensor] = []
        self._targets: list[torch.Tensor] = []

    def update(self, outputs: Any, targets: Targets) -> None:
        found = torch.nan_to_num(outputs[:, 0], nan=1e6, posinf=1e6).clamp(0, 1e6)
        self._errors.append((found - targets).abs())
        self._targets.append(targets)

    def compute(self) -> dict[str, float]:
        errors, targets = torch.cat(self._errors), torch.cat(self._targets)
        found = {
            "within 10 %": float((errors < 0.1 * targets).float().mean()),
            "error": float(errors.double().mean()),
        }
        return {name: found[name] for name in self._names}

    def by_class(self) -> tuple[tuple[int, int], ...]:
        return ()


class NoMeter(Task):
    known = (Metric("nothing"),)

    def loss(self, outputs: Any, targets: Targets) -> torch.Tensor:
        return outputs.sum()


class NoMetrics(Depth):
    known = ()


class NoTask:
    pass

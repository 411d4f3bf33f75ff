"""The part of an evaluation that needs neither device nor file: repair, train a little, score."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import torch

from edgeprune.evaluation.accuracy import BATCH_SIZE, Batches, metrics_of
from edgeprune.evaluation.execution import flush_denormals
from edgeprune.evaluation.recovery import Recovery
from edgeprune.evaluation.turns import Turns
from edgeprune.tasks import Targets, Task
from edgeprune.tensors import Inputs, call, flattened_inputs

if TYPE_CHECKING:
    from torch import nn

    from edgeprune.pruning import CandidatePlan
    from edgeprune.workloads import Split

#: Reward images are kept decoded and normalised where they need no more memory than this.
CACHE_BYTES = 512 * 2**20


@dataclass(frozen=True)
class Scored:
    """What scoring one plan gave.

    Attributes:
        metrics: of the task, on the reward split.
        seconds: by step.
    """

    metrics: dict[str, float]
    seconds: dict[str, float] = field(default_factory=dict)


class Watch:
    """Seconds from lap to lap.

    Attributes:
        seconds: by step.
    """

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._last = time.perf_counter()

    def lap(self, step: str) -> None:
        """End a step."""
        now = time.perf_counter()
        self.seconds[step] = now - self._last
        self._last = now

    def add(self, seconds: Mapping[str, float]) -> None:
        """What took these seconds by step elsewhere; what is beyond them was waited for."""
        waited = time.perf_counter() - self._last - sum(seconds.values())
        self.seconds |= {**seconds, "waited": max(0.0, waited)}
        self._last = time.perf_counter()


class Scorer:
    """Scores plans of one workload.

    Args:
        recovery: repairs candidates before they are scored.
        split: what accuracy is measured on: the reward split.
        task: what accuracy is.
        retrain: see `Evaluator`.
        turns: see `Evaluator`.
    """

    def __init__(
        self,
        recovery: Recovery,
        split: "Split",
        task: Task,
        *,
        retrain: "Callable[[nn.Module, CandidatePlan], None] | None" = None,
        turns: Turns | None = None,
    ) -> None:
        self._recovery, self._split, self._task = recovery, split, task
        self._retrain, self._turns = retrain, turns or Turns()
        self._cached: list[tuple[Inputs, Targets]] | None = None

    def __call__(self, plan: "CandidatePlan") -> Scored:
        """Repair and score a plan."""
        watch = Watch()
        return Scored(self.score(plan, watch), watch.seconds)

    def score(self, plan: "CandidatePlan", watch: Watch) -> dict[str, float]:
        """Metrics of a plan's repaired model."""
        with self._turns.computing():
            model = self.recover(plan, watch)
            metrics = metrics_of(model, self.batches(), self._task)
        watch.lap("accuracy")
        return metrics

    def recover(self, plan: "CandidatePlan", watch: Watch) -> "nn.Module":
        """The repaired model, trained a little where that is wanted."""
        flush_denormals()  # of this thread, which may be another than the one that began
        model = self._recovery.recover(plan)
        watch.lap("recover")
        if self._retrain is not None:
            self._retrain(model, plan)
            watch.lap("retrain")
        return model

    def outputs(self) -> Any:
        """Those of the base model for one image, for their form."""
        example, _ = next(iter(self._split.batches(1)))
        with torch.inference_mode():
            return call(self._recovery.model, example)

    def batches(self) -> Batches:
        """The reward images with their targets, kept where they are few."""
        if self._cached is not None:
            return self._cached
        place = self._recovery.execution.place
        batches = ((place(images), labels) for images, labels in self._split.batches(BATCH_SIZE))
        example, _ = next(iter(self._split.batches(1)))
        size = sum(one.nbytes for one in flattened_inputs(example).values())
        if size * len(self._split) > CACHE_BYTES:
            return batches
        self._cached = list(batches)
        return self._cached

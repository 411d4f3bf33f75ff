"""The part of an evaluation that needs no device: repair, train a little, score."""

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

import torch

from edgeprune.evaluation.accuracy import BATCH_SIZE, metrics_of, metrics_of_file
from edgeprune.evaluation.execution import flush_denormals
from edgeprune.evaluation.recovery import Recovery
from edgeprune.evaluation.turns import Turns
from edgeprune.tasks import Targets, Task

if TYPE_CHECKING:
    from torch import nn

    from edgeprune.pruning import CandidatePlan, Template
    from edgeprune.workloads import Split

#: Reward images are kept decoded and normalised where they need no more memory than this.
CACHE_BYTES = 512 * 2**20


@dataclass(frozen=True)
class Scored:
    """What scoring one plan gave.

    Attributes:
        metrics: of the task, on the reward split.
        seconds: by step.
        content: the file that is to be measured, where it depends on the repaired weights.
    """

    metrics: dict[str, float]
    seconds: dict[str, float] = field(default_factory=dict)
    content: bytes = b""


class Scorer:
    """Scores plans of one workload.

    Args:
        template: writes candidates' ONNX files.
        recovery: repairs candidates before they are scored.
        split: what accuracy is measured on: the reward split.
        task: what accuracy is.
        artifact: see `Evaluator`.
        retrain: see `Evaluator`.
        turns: see `Evaluator`.

    Attributes:
        artifact: as given.
    """

    def __init__(
        self,
        template: "Template",
        recovery: Recovery,
        split: "Split",
        task: Task,
        *,
        artifact: "Callable[[bytes], bytes] | None" = None,
        retrain: "Callable[[nn.Module, CandidatePlan], None] | None" = None,
        turns: Turns | None = None,
    ) -> None:
        self._template, self._recovery = template, recovery
        self._split, self._task = split, task
        self.artifact, self._retrain = artifact, retrain
        self._turns = turns or Turns()
        self._outputs: Any = None  # of the base model, for their form
        self._cached: list[tuple[torch.Tensor, Targets]] | None = None

    def __call__(self, plan: "CandidatePlan") -> Scored:
        """Repair and score a plan; nothing is measured."""
        watch = Watch()
        if self.artifact is None:
            return Scored(self._score(plan, watch), watch.seconds)
        content, scored = self.begin(plan, watch)
        return Scored(scored(), watch.seconds, content)

    def begin(
        self, plan: "CandidatePlan", watch: "Watch"
    ) -> tuple[bytes, Callable[[], dict[str, float]]]:
        """Make the file that is measured, and what scores the candidate when it is called."""
        with self._turns.computing():
            if self.artifact is None:
                content = self._template.candidate(plan.cut(self._recovery.model.state_dict()))
                watch.lap("candidate")
                return content, partial(self._score, plan, watch)
            # Its numbers depend on the repaired weights, and its own runtime computes them.
            weights = self._recover(plan, watch).state_dict()
            content = self.artifact(self._template.candidate(weights, plan.widths))
            watch.lap("candidate")
            return content, partial(self._score_file, content, watch)

    def _recover(self, plan: "CandidatePlan", watch: "Watch") -> "nn.Module":
        flush_denormals()  # of this thread, which may be another than the one that began
        model = self._recovery.recover(plan)
        watch.lap("recover")
        if self._retrain is not None:
            self._retrain(model, plan)
            watch.lap("retrain")
        return model

    def _score(self, plan: "CandidatePlan", watch: "Watch") -> dict[str, float]:
        with self._turns.computing():
            model = self._recover(plan, watch)
            metrics = metrics_of(model, self._batches(), self._task)
        watch.lap("accuracy")
        return metrics

    def _score_file(self, content: bytes, watch: "Watch") -> dict[str, float]:
        with self._turns.computing():
            if self._outputs is None:
                example, _ = next(iter(self._split.batches(1)))
                with torch.inference_mode():
                    self._outputs = self._recovery.model(example)
            metrics = metrics_of_file(content, self._batches(), self._task, self._outputs)
        watch.lap("accuracy")
        return metrics

    def _batches(self) -> Iterable[tuple[torch.Tensor, Targets]]:
        if self._cached is not None:
            return self._cached
        place = self._recovery.execution.place
        batches = ((place(images), labels) for images, labels in self._split.batches(BATCH_SIZE))
        example, _ = next(iter(self._split.batches(1)))
        if 4 * example.numel() * len(self._split) > CACHE_BYTES:
            return batches
        self._cached = list(batches)
        return self._cached


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

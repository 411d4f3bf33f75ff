"""From widths to an outcome: prune, recover, score, measure."""

import time
from collections.abc import Callable, Iterable
from functools import partial
from typing import TYPE_CHECKING, Any

import torch

from edgeprune.evaluation.accuracy import BATCH_SIZE, metrics_of, metrics_of_file
from edgeprune.evaluation.overlap import Elsewhere
from edgeprune.evaluation.recovery import Recovery
from edgeprune.files import deflated
from edgeprune.search.outcome import Outcome
from edgeprune.tasks import Classification, Targets, Task

if TYPE_CHECKING:
    from torch import nn

    from edgeprune.devices import Comparison, Device
    from edgeprune.pruning import CandidatePlan, CandidateSpace, Template, Widths
    from edgeprune.workloads import Split

#: Reward images are kept decoded and normalised where they need no more memory than this.
CACHE_BYTES = 512 * 2**20


class Evaluator:
    """Evaluates candidates of one workload on one device.

    Candidates of a space whose cost is counted have the base model's shapes, so a dense runtime
    takes as long for any of them as for the base model: the first one's latency is measured and
    stands for all. What zeros save is ``bytes``, the file deflated.

    On a local target the steps come one after another: nothing of ours may compute while latency
    is measured. A remote device measures while this machine scores, so that a trial takes as
    long as the longer of the two.
    """

    def __init__(
        self,
        *,
        plan: "Callable[[Widths], CandidatePlan]",
        space: "CandidateSpace",
        template: "Template",
        recovery: Recovery,
        split: "Split",
        device: "Device",
        task: Task | None = None,
        remote: bool = False,
        artifact: "Callable[[bytes], bytes] | None" = None,
        baseline: bytes | None = None,
        known: "Callable[[Widths], Comparison | None] | None" = None,
        retrain: "Callable[[nn.Module, CandidatePlan], None] | None" = None,
    ) -> None:
        """Keep what every trial needs.

        Args:
            plan: chooses what given widths keep.
            space: what may be cut of the original model.
            template: writes candidates' ONNX files.
            recovery: repairs candidates before they are scored.
            split: what accuracy is measured on: the reward split.
            device: what latency is measured on, beside the template's base; open.
            task: what accuracy is; of classification unless given.
            remote: whether the device's work takes nothing from this machine.
            artifact: makes of a candidate's float32 file what is scored and measured in its
                place, such as an int8 file.
            baseline: what candidates are measured beside; the template's base if not given.
            known: what was measured of given widths before; they are not measured again.
            retrain: trains a repaired candidate a little before it is scored, so that accuracies
                stand for those after fine-tuning, at a cost.
        """
        self._plan, self._space, self._recovery = plan, space, recovery
        self._split, self._device, self._remote = split, device, remote
        self._task = task or Classification()
        self._template = template
        self._artifact, self._known, self._retrain = artifact, known, retrain
        self._baseline = baseline or template.base
        self._first: Comparison | None = None
        self._outputs: Any = None  # of the base model, for their form
        self._cached: list[tuple[torch.Tensor, Targets]] | None = None

    def __call__(self, widths: "Widths") -> Outcome:
        """Evaluate one candidate.

        Args:
            widths: of every group that may be cut.

        Returns:
            Its outcome; ``details`` holds ``seconds`` by step (``candidate``, ``recover``,
            ``accuracy``, ``latency``; of a remote device only what the others did not cover) and
            the comparison with both measurements; ``reused`` says that it was known before.

        Raises:
            SpaceError: widths that the space does not allow.
            MeasurementError: the device gave no latency that can be trusted.
        """
        watch = _Watch()
        plan, costs = self._plan(widths), self._space.costs(widths)
        if self._artifact is None:
            content = self._template.candidate(plan.cut(self._recovery.model.state_dict()))
            watch.lap("candidate")
            scored = partial(self._score, plan, watch)
        else:
            # Its numbers depend on the repaired weights, and its own runtime computes them.
            weights = self._recover(plan, watch).state_dict()
            content = self._artifact(self._template.candidate(weights, widths))
            watch.lap("candidate")
            scored = partial(self._score_file, content, watch)
        known = self._first if self._known is None else self._known(widths)
        if known is not None:
            metrics, comparison = scored(), known
        elif self._remote:
            with Elsewhere(partial(self._measure, content), self._device.close) as measuring:
                metrics = scored()
                comparison = measuring.result()
        else:
            metrics = scored()
            comparison = self._measure(content)
        watch.lap("latency")
        counted = costs.density is not None
        if counted:
            self._first = comparison
        return Outcome(
            accuracy=metrics[self._task.score.name],
            metrics=metrics,
            latency_ms=comparison.candidate.level_ms,
            latency_ratio=comparison.ratio,
            macs=costs.macs,
            parameters=costs.parameters,
            bytes=deflated(content) if counted else len(content),
            density=costs.density,
            details={"seconds": watch.seconds, "reused": known is not None} | comparison.to_json(),
        )

    def _recover(self, plan: "CandidatePlan", watch: "_Watch") -> "nn.Module":
        model = self._recovery.recover(plan)
        watch.lap("recover")
        if self._retrain is not None:
            self._retrain(model, plan)
            watch.lap("retrain")
        return model

    def _score(self, plan: "CandidatePlan", watch: "_Watch") -> dict[str, float]:
        model = self._recover(plan, watch)
        metrics = metrics_of(model, self._batches(), self._task)
        watch.lap("accuracy")
        return metrics

    def _score_file(self, content: bytes, watch: "_Watch") -> dict[str, float]:
        if self._outputs is None:
            example, _ = next(iter(self._split.batches(1)))
            with torch.inference_mode():
                self._outputs = self._recovery.model(example)
        metrics = metrics_of_file(content, self._batches(), self._task, self._outputs)
        watch.lap("accuracy")
        return metrics

    def _measure(self, content: bytes) -> "Comparison":
        return self._device.compare(content, self._baseline)

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


class _Watch:
    """Seconds from lap to lap."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._last = time.perf_counter()

    def lap(self, step: str) -> None:
        now = time.perf_counter()
        self.seconds[step] = now - self._last
        self._last = now

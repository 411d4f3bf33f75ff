"""From widths to an outcome: prune, recover, score, measure."""

import time
from collections.abc import Callable, Iterable
from functools import partial
from typing import TYPE_CHECKING

import torch

from edgeprune.evaluation.accuracy import BATCH_SIZE, score, score_file
from edgeprune.evaluation.overlap import Elsewhere
from edgeprune.evaluation.recovery import Recovery
from edgeprune.search.outcome import Outcome

if TYPE_CHECKING:
    from torch import nn

    from edgeprune.devices import Comparison, Device
    from edgeprune.pruning import ChannelSpace, Plan, Widths
    from edgeprune.workloads import Split

#: Reward images are kept decoded and normalised where they need no more memory than this.
CACHE_BYTES = 512 * 2**20


class Evaluator:
    """Evaluates candidates of one workload on one device.

    On a local target the steps come one after another: nothing of ours may compute while latency
    is measured. A remote device measures while this machine scores, so that a trial takes as
    long as the longer of the two.
    """

    def __init__(
        self,
        *,
        plan: "Callable[[Widths], Plan]",
        space: "ChannelSpace",
        recovery: Recovery,
        split: "Split",
        device: "Device",
        remote: bool = False,
        artifact: "Callable[[bytes], bytes] | None" = None,
        baseline: bytes | None = None,
        known: "Callable[[Widths], Comparison | None] | None" = None,
    ) -> None:
        """Keep what every trial needs.

        Args:
            plan: chooses the channels that given widths keep.
            space: the original model's channel groups and ONNX template.
            recovery: repairs candidates before they are scored.
            split: what accuracy is measured on: the reward split.
            device: what latency is measured on, beside the template's base; open.
            remote: whether the device's work takes nothing from this machine.
            artifact: makes of a candidate's float32 file what is scored and measured in its
                place, such as an int8 file.
            baseline: what candidates are measured beside; the template's base if not given.
            known: what was measured of given widths before; they are not measured again.
        """
        self._plan, self._space, self._recovery = plan, space, recovery
        self._split, self._device, self._remote = split, device, remote
        self._artifact, self._known = artifact, known
        self._baseline = baseline or space.template.base
        self._cached: list[tuple[torch.Tensor, torch.Tensor]] | None = None

    def __call__(self, widths: "Widths") -> Outcome:
        """Evaluate one candidate.

        Args:
            widths: kept channels of every free group.

        Returns:
            Its outcome; ``details`` holds ``seconds`` by step (``candidate``, ``recover``,
            ``accuracy``, ``latency``; of a remote device only what the others did not cover) and
            the comparison with both measurements; ``reused`` says that it was known before.

        Raises:
            SpaceError: widths that the space does not allow.
            MeasurementError: the device gave no latency that can be trusted.
        """
        watch = _Watch()
        plan = self._plan(widths)
        template = self._space.template
        if self._artifact is None:
            content = template.candidate(self._space.slice_state(plan))
            watch.lap("candidate")
            scored = partial(self._score, plan, watch)
        else:
            # Its numbers depend on the repaired weights, and its own runtime computes them.
            weights = self._recover(plan, watch).state_dict()
            content = self._artifact(template.candidate(weights, widths))
            watch.lap("candidate")
            scored = partial(self._score_file, content, watch)
        known = self._known(widths) if self._known is not None else None
        if known is not None:
            accuracy, comparison = scored(), known
        elif self._remote:
            with Elsewhere(partial(self._measure, content), self._device.close) as measuring:
                accuracy = scored()
                comparison = measuring.result()
        else:
            accuracy = scored()
            comparison = self._measure(content)
        watch.lap("latency")
        return Outcome(
            accuracy=accuracy,
            latency_ms=comparison.candidate.median_ms,
            latency_ratio=comparison.ratio,
            macs=self._space.macs(widths),
            parameters=self._space.params(widths),
            bytes=len(content),
            details={"seconds": watch.seconds, "reused": known is not None} | comparison.to_json(),
        )

    def _recover(self, plan: "Plan", watch: "_Watch") -> "nn.Module":
        model = self._recovery.recover(plan)
        watch.lap("recover")
        return model

    def _score(self, plan: "Plan", watch: "_Watch") -> float:
        model = self._recover(plan, watch)
        accuracy = score(model, self._batches())
        watch.lap("accuracy")
        return accuracy

    def _score_file(self, content: bytes, watch: "_Watch") -> float:
        accuracy = score_file(content, self._batches())
        watch.lap("accuracy")
        return accuracy

    def _measure(self, content: bytes) -> "Comparison":
        return self._device.compare(content, self._baseline)

    def _batches(self) -> Iterable[tuple[torch.Tensor, torch.Tensor]]:
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

"""From widths to an outcome: prune, recover, score, measure."""

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from edgeprune.evaluation.accuracy import accuracy
from edgeprune.evaluation.recovery import Recovery
from edgeprune.search import Outcome, Widths

if TYPE_CHECKING:
    from edgeprune.devices import Device
    from edgeprune.pruning import ChannelSpace, Plan
    from edgeprune.workloads import Split


class Evaluator:
    """Evaluates candidates of one workload on one device.

    Args:
        plan: chooses the channels that given widths keep.
        space: the base model's channel space.
        recovery: repairs candidates before they are scored.
        split: what accuracy is measured on: the reward split.
        device: what latency is measured on.
    """

    def __init__(
        self,
        *,
        plan: "Callable[[Widths], Plan]",
        space: "ChannelSpace",
        recovery: Recovery,
        split: "Split",
        device: "Device",
    ) -> None:
        self._plan = plan
        self._space = space
        self._recovery = recovery
        self._split = split
        self._device = device

    def __call__(self, widths: Widths) -> Outcome:
        """Evaluate one candidate.

        The steps come one after another: on a local target nothing of ours may compute while
        latency is measured.

        Raises:
            MeasurementError: the device gave no latency that can be trusted.
        """
        seconds: dict[str, float] = {}
        clock = _Clock(seconds)
        plan = self._plan(widths)
        content = self._space.template.candidate(self._space.slice_state(plan))
        clock.lap("candidate")
        model = self._recovery.recover(plan)
        clock.lap("recover")
        score = accuracy(model, self._split)
        clock.lap("accuracy")
        comparison = self._device.compare(content, self._space.template.base)
        clock.lap("latency")
        return Outcome(
            accuracy=score,
            latency_ms=comparison.candidate.median_ms,
            latency_ratio=comparison.ratio,
            macs=self._space.macs(widths),
            parameters=self._space.params(widths),
            bytes=len(content),
            details={
                "seconds": seconds,
                "ratio_interval": list(comparison.ratio_interval),
                "candidate_ms": list(comparison.candidate.samples_ms),
                "baseline_ms": list(comparison.baseline.samples_ms),
            },
        )


class _Clock:
    def __init__(self, seconds: dict[str, float]) -> None:
        self._seconds = seconds
        self._last = time.perf_counter()

    def lap(self, step: str) -> None:
        now = time.perf_counter()
        self._seconds[step] = now - self._last
        self._last = now

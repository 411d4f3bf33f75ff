"""From widths to an outcome: prune, recover, score, measure."""

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from edgeprune.evaluation.overlap import Elsewhere
from edgeprune.evaluation.recovery import Recovery
from edgeprune.evaluation.scorer import Scored, Scorer, Watch
from edgeprune.evaluation.turns import Turns
from edgeprune.files import deflated
from edgeprune.search.outcome import Outcome
from edgeprune.tasks import Classification, Task

if TYPE_CHECKING:
    from torch import nn

    from edgeprune.devices import Comparison, Device
    from edgeprune.pruning import CandidatePlan, CandidateSpace, Template, Widths
    from edgeprune.workloads import Split


class Evaluator:
    """Evaluates candidates of one workload on one device.

    Candidates of a space whose cost is counted have the base model's shapes, so a dense runtime
    takes as long for any of them as for the base model: the first one's latency is measured and
    stands for all. What zeros save is ``bytes``, the file deflated.

    On a local target the steps come one after another: nothing of ours may compute while latency
    is measured. A remote device measures while this machine scores, so that a trial takes as
    long as the longer of the two. Several threads may evaluate at once (`Turns`).
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
        turns: Turns | None = None,
        elsewhere: "Callable[[CandidatePlan], Scored] | None" = None,
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
            turns: keeps several threads apart; needed where there are some.
            elsewhere: scores in place of this process, `artifact` and `retrain` included.
        """
        self._plan, self._space, self._device, self._remote = plan, space, device, remote
        self._known, self._baseline = known, baseline or template.base
        self._turns, self._elsewhere = turns or Turns(local=not remote), elsewhere
        self._task = task or Classification()
        self._scorer = Scorer(
            *(template, recovery, split, self._task),
            artifact=artifact,
            retrain=retrain,
            turns=self._turns,
        )
        self._first: Comparison | None = None

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
        watch = Watch()
        with self._turns.computing():
            plan, costs = self._plan(widths), self._space.costs(widths)
            known = self._first if self._known is None else self._known(widths)
        if self._elsewhere is None:
            content, scored = self._scorer.begin(plan, watch)
        elif self._scorer.artifact is None:
            content, _ = self._scorer.begin(plan, watch)
            scored = partial(self._score_elsewhere, self._elsewhere, plan, watch)
        else:
            # The file's numbers depend on the weights, which are repaired there.
            found = self._elsewhere(plan)
            watch.add(found.seconds)
            content, scored = found.content, partial(dict, found.metrics)
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

    def _score_elsewhere(
        self, elsewhere: "Callable[[CandidatePlan], Scored]", plan: "CandidatePlan", watch: Watch
    ) -> dict[str, float]:
        found = elsewhere(plan)
        watch.add(found.seconds)
        return found.metrics

    def _measure(self, content: bytes) -> "Comparison":
        with self._turns.measuring():
            return self._device.compare(content, self._baseline)

"""From widths to an outcome: prune, recover, score, measure."""

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

from edgeprune.evaluation.accuracy import Batches
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


class ScoreFile(Protocol):
    """Metrics of a file in its own runtime, such as `metrics_of_file`."""

    def __call__(
        self, content: bytes, batches: Batches, task: Task, outputs: Any
    ) -> dict[str, float]:
        """All metrics by name; see `metrics_of_file`."""
        ...


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
        score_file: ScoreFile | None = None,
        baseline: bytes | None = None,
        known: "Callable[[Widths], Comparison | None] | None" = None,
        retrain: "Callable[[nn.Module, CandidatePlan], None] | None" = None,
        turns: Turns | None = None,
        elsewhere: "Callable[[CandidatePlan], Scored] | None" = None,
        believe: "Callable[[Callable[[], Comparison], Widths], Comparison] | None" = None,
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
            artifact: makes of a candidate's float32 file what is measured in its place.
            score_file: metrics of what `artifact` makes, in its own runtime, where that is not
                the torch model's, as of an int8 file.
            baseline: what candidates are measured beside; the template's base if not given.
            known: what was measured of given widths before; they are not measured again.
            retrain: trains a repaired candidate a little before it is scored, so that accuracies
                stand for those after fine-tuning, at a cost.
            turns: keeps several threads apart; needed where there are some.
            elsewhere: scores in place of this process, `retrain` included; not with `score_file`.
            believe: has what measures given widths measure, and once more where the ratio is not
                to be believed; unless given each is.
        """
        self._plan, self._space, self._recovery = plan, space, recovery
        self._device, self._remote = device, remote
        self._task = task or Classification()
        self._template, self._baseline = template, baseline or template.base
        self._artifact, self._known, self._score_with = artifact, known, score_file
        self._turns, self._elsewhere = turns or Turns(local=not remote), elsewhere
        self._scorer = Scorer(recovery, split, self._task, retrain=retrain, turns=self._turns)
        self._believe = believe or (lambda compare, widths: compare())
        self._first: Comparison | None = None
        self._outputs: Any = None  # of the base model, for their form

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
            content, scored = self._prepared(plan, widths, watch)
            known = self._first if self._known is None else self._known(widths)
        if known is not None:
            metrics, comparison = scored(), known
        elif self._remote:
            with Elsewhere(
                partial(self._measure, content, widths), self._device.close
            ) as measuring:
                metrics = scored()
                comparison = measuring.result()
        else:
            metrics = scored()
            comparison = self._measure(content, widths)
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

    def _prepared(
        self, plan: "CandidatePlan", widths: "Widths", watch: Watch
    ) -> tuple[bytes, "Callable[[], dict[str, float]]"]:
        """The file that is measured, and what scores the candidate."""
        if self._score_with is None:
            content = self._template.candidate(plan.cut(self._recovery.model.state_dict()))
            score = self._score if self._elsewhere is None else self._score_elsewhere
            scored = partial(score, plan, watch)
        else:
            # Its numbers depend on the repaired weights, and its own runtime computes them.
            weights = self._scorer.recover(plan, watch).state_dict()
            content = self._template.candidate(weights, widths)
            scored = partial(self._score_file, self._score_with, watch)
        content = content if self._artifact is None else self._artifact(content)
        watch.lap("candidate")
        return content, scored if self._score_with is None else partial(scored, content)

    def _score(self, plan: "CandidatePlan", watch: Watch) -> dict[str, float]:
        return self._scorer.score(plan, watch)

    def _score_elsewhere(self, plan: "CandidatePlan", watch: Watch) -> dict[str, float]:
        assert self._elsewhere is not None
        found = self._elsewhere(plan)
        watch.add(found.seconds)
        return found.metrics

    def _score_file(self, score_with: ScoreFile, watch: Watch, content: bytes) -> dict[str, float]:
        with self._turns.computing():
            if self._outputs is None:
                self._outputs = self._scorer.outputs()
            metrics = score_with(content, self._scorer.batches(), self._task, self._outputs)
        watch.lap("accuracy")
        return metrics

    def _measure(self, content: bytes, widths: "Widths") -> "Comparison":
        compare = partial(self._device.compare, content, self._baseline)
        with self._turns.measuring():
            return self._believe(compare, widths)

"""Conformance kit for tasks.

Hold your own to the contract that training, search, verification and report rely on::

    import pytest
    import torch
    from edgeprune.testing.tasks import TaskConformance
    from my_project.tasks import Depth


    class TestDepth(TaskConformance):
        @pytest.fixture
        def task(self):
            return Depth()

        @pytest.fixture
        def targets(self):
            return torch.rand(12, 8, 8)

        @pytest.fixture
        def perfect(self, targets):
            return targets[:, None]

        @pytest.fixture
        def guessing(self, targets):
            return torch.full_like(targets[:, None], 0.5)
"""

import math
from typing import Any, ClassVar

import pytest
import torch

from edgeprune.errors import WorkloadError
from edgeprune.tasks import Targets, Task
from edgeprune.tensors import flattened_outputs, rebuilt_outputs


class TaskConformance:
    """The contract of a `Task`; inherit and give the fixtures, of at least 8 images.

    Attributes:
        best: score of perfect outputs.
        tolerance: how far from `Task.chance` the score of outputs that know nothing may be.
        classes: names of the data's classes.
    """

    best: ClassVar[float] = 1.0
    tolerance: ClassVar[float] = 0.1
    classes: ClassVar[tuple[str, ...]] = ("first", "second", "third")

    @pytest.fixture
    def task(self) -> Task:
        """The task to be held to the contract, prepared where it needs that."""
        raise NotImplementedError

    @pytest.fixture
    def targets(self) -> Targets:
        """Of a batch."""
        raise NotImplementedError

    @pytest.fixture
    def perfect(self) -> Any:
        """Outputs that are right for `targets`."""
        raise NotImplementedError

    @pytest.fixture
    def guessing(self) -> Any:
        """Outputs of a network that knows nothing of these images, though perhaps of others."""
        raise NotImplementedError

    @pytest.fixture
    def misshapen(self, perfect: Any) -> Any:
        """Outputs of a wrong shape: each tensor with its second axis twice as long."""
        return _changed(perfect, lambda one: torch.cat([one, one], 1))

    def test_loss_is_a_finite_number_that_can_be_lowered(
        self, task: Task, targets: Targets, perfect: Any, guessing: Any
    ) -> None:
        """A float32 scalar with a gradient, and lower for outputs that are right."""
        leaves = _changed(guessing, lambda one: one.float().detach().requires_grad_())
        loss = task.loss(leaves, targets)
        assert loss.shape == () and loss.dtype == torch.float32 and loss.isfinite()
        loss.backward()  # type: ignore[no-untyped-call]
        gradients = [one.grad for one in flattened_outputs(leaves).values()]
        found = [one for one in gradients if one is not None]
        assert found and all(one.isfinite().all() for one in found)
        assert any(one.any() for one in found)
        assert task.loss(perfect, targets) < loss

    def test_divergence_is_nothing_between_equals(self, task: Task, guessing: Any) -> None:
        """And with any temperature."""
        for temperature in (1.0, 4.0):
            found = task.divergence(guessing, guessing, temperature)
            assert found.shape == () and found.dtype == torch.float32
            assert found.abs() < 1e-5

    def test_divergence_grows_with_the_distance(
        self, task: Task, perfect: Any, guessing: Any
    ) -> None:
        """It is positive, and can be lowered."""
        leaves = _changed(guessing, lambda one: one.float().detach().requires_grad_())
        far = task.divergence(leaves, perfect, 2.0)
        far.backward()  # type: ignore[no-untyped-call]
        gradients = [one.grad for one in flattened_outputs(leaves).values()]
        assert any(one is not None and one.any() and one.isfinite().all() for one in gradients)
        near = task.divergence(_between(guessing, perfect, 0.9), perfect, 2.0)
        assert 0 < near < far and far.isfinite()

    def test_perfect_outputs_have_the_best_score(
        self, task: Task, targets: Targets, perfect: Any
    ) -> None:
        """Else no network could reach it."""
        assert _scored(task, perfect, targets)[task.score.name] == pytest.approx(
            self.best, abs=1e-3
        )

    def test_outputs_that_know_nothing_are_at_chance(
        self, task: Task, targets: Targets, guessing: Any
    ) -> None:
        """What is far from it is known to have learned something."""
        found = _scored(task, guessing, targets)[task.score.name]
        assert abs(found - task.chance(len(self.classes))) <= self.tolerance

    def test_batches_change_nothing(self, task: Task, targets: Targets, guessing: Any) -> None:
        """A meter over batches says what it says over all."""
        meter = task.meter()
        for start in range(0, len(targets), 3):
            rows = slice(start, start + 3)
            meter.update(_changed(guessing, lambda one, rows=rows: one[rows]), targets[rows])
        assert meter.compute() == pytest.approx(_scored(task, guessing, targets), abs=1e-5)

    def test_outputs_that_are_no_numbers_score_badly(
        self, task: Task, targets: Targets, perfect: Any
    ) -> None:
        """A broken network does not stop a search, and does not win it."""
        for broken in (math.nan, math.inf):
            lost = _changed(perfect, lambda one, broken=broken: torch.full_like(one, broken))
            found = _scored(task, lost, targets)
            assert all(math.isfinite(value) for value in found.values())
            assert found[task.score.name] <= task.chance(len(self.classes)) + self.tolerance

    def test_metrics_are_those_that_were_chosen(
        self, task: Task, targets: Targets, guessing: Any
    ) -> None:
        """By their names, finite, the score first: by default, and when all are asked for."""
        assert task.known and len({one.name for one in task.known}) == len(task.known)
        assert task.score == task.metrics[0] and task.score.more_is_better
        self._check_metrics(task, targets, guessing)
        upward = [one.name for one in task.known if one.more_is_better]
        task.choose(upward[-1:] + [one.name for one in task.known if one.name != upward[-1]])
        assert len(task.metrics) == len(task.known) and task.score.name == upward[-1]
        self._check_metrics(task, targets, guessing)

    def _check_metrics(self, task: Task, targets: Targets, outputs: Any) -> None:
        found = _scored(task, outputs, targets)
        assert list(found) == [one.name for one in task.metrics]
        assert all(isinstance(value, float) and math.isfinite(value) for value in found.values())

    def test_a_metric_that_does_not_exist_is_told(self, task: Task) -> None:
        """With those that do."""
        with pytest.raises(WorkloadError, match=task.known[0].name):
            task.choose(["no such metric"])

    def test_classes_have_no_more_right_than_there_is(
        self, task: Task, targets: Targets, guessing: Any
    ) -> None:
        """Pairs of whole numbers, or nothing."""
        meter = task.meter()
        meter.update(guessing, targets)
        for there, right in meter.by_class():
            assert isinstance(there, int) and isinstance(right, int) and 0 <= right <= there

    def test_outputs_of_the_right_shape_are_accepted(
        self, task: Task, targets: Targets, perfect: Any
    ) -> None:
        """Those of one image."""
        task.check(_changed(perfect, lambda one: one[:1]), targets[:1], self.classes)

    def test_outputs_of_another_shape_are_refused(
        self, task: Task, targets: Targets, misshapen: Any
    ) -> None:
        """The message tells the shape."""
        first = _changed(misshapen, lambda one: one[:1])
        with pytest.raises(WorkloadError) as refusal:
            task.check(first, targets[:1], self.classes)
        shapes = [str(tuple(one.shape)) for one in flattened_outputs(first).values()]
        assert any(shape in str(refusal.value) for shape in shapes)

    def test_agreement_is_whole_between_equals(
        self, task: Task, perfect: Any, guessing: Any
    ) -> None:
        """And less between others."""
        assert task.agreement(perfect, perfect) == pytest.approx(1.0)
        assert 0 <= task.agreement(guessing, perfect) < 1

    def test_chance_is_less_than_the_best(self, task: Task) -> None:
        """A score between them tells that something was learned."""
        assert 0 <= task.chance(len(self.classes)) < self.best


def _scored(task: Task, outputs: Any, targets: Targets) -> dict[str, float]:
    meter = task.meter()
    meter.update(outputs, targets)
    return meter.compute()


def _changed(outputs: Any, change: Any) -> Any:
    return rebuilt_outputs(outputs, [change(one) for one in flattened_outputs(outputs).values()])


def _between(first: Any, second: Any, share: float) -> Any:
    pairs = zip(flattened_outputs(first).values(), flattened_outputs(second).values(), strict=True)
    return rebuilt_outputs(first, [torch.lerp(one, other, share) for one, other in pairs])

"""The kit itself: a task with a fault is caught by the test that is about it."""

import math
from typing import Any

import pytest
import torch

from edgeprune.errors import WorkloadError
from edgeprune.tasks import Targets
from edgeprune.testing.tasks import TaskConformance
from tests.tasks.user_tasks import Depth, DepthMeter

TARGETS = 5 + 0.3 * torch.randn(10, 4, 4, generator=torch.Generator().manual_seed(0))
PERFECT = TARGETS[:, None]
GUESSING = PERFECT + 9


class _Faulty(Depth):
    def __init__(self, fault: str) -> None:
        super().__init__()
        self.fault = fault

    def loss(self, outputs: Any, targets: Targets) -> torch.Tensor:
        loss = super().loss(outputs, targets)
        if self.fault == "loss without a gradient":
            return loss.detach()
        return -loss if self.fault == "loss upside down" else loss

    def check(self, outputs: Any, targets: Targets, classes: Any) -> None:
        if self.fault == "checks nothing":
            return
        if self.fault == "tells no shape" and outputs.shape[1] != 1:
            msg = "wrong"
            raise WorkloadError(msg)
        super().check(outputs, targets, classes)

    def divergence(self, outputs: Any, taught: Any, temperature: float = 1.0) -> torch.Tensor:
        found = super().divergence(outputs, taught, temperature)
        return found + 1 if self.fault == "divergence of equals" else found

    def agreement(self, outputs: Any, expected: Any) -> float:
        return 1.0 if self.fault == "agrees always" else super().agreement(outputs, expected)

    def chance(self, classes: int) -> float:
        return 1.0 if self.fault == "chance is all" else 0.0

    def meter(self) -> "_FaultyMeter":
        return _FaultyMeter(self.fault, [one.name for one in self.metrics])


class _FaultyMeter(DepthMeter):
    def __init__(self, fault: str, names: list[str]) -> None:
        super().__init__(names, 10.0)
        self.fault = fault

    def update(self, outputs: Any, targets: Targets) -> None:
        if self.fault == "keeps the last batch":
            self._errors, self._targets = [], []
        if self.fault == "NaN is right":
            outputs = torch.where(outputs.isfinite(), outputs, targets[:, None])
        super().update(outputs, targets)

    def compute(self) -> dict[str, float]:
        found = super().compute()
        if self.fault == "percent":
            found["within 10 %"] *= 100
        if self.fault == "not finite":
            found["error"] = math.nan
        return found | ({"extra": 1.0} if self.fault == "unasked metric" else {})

    def by_class(self) -> tuple[tuple[int, int], ...]:
        return ((3, 5),) if self.fault == "more right than there" else ()


_WITH = {
    "loss_is_a_finite_number_that_can_be_lowered": (TARGETS, PERFECT, GUESSING),
    "divergence_is_nothing_between_equals": (GUESSING,),
    "divergence_grows_with_the_distance": (PERFECT, GUESSING),
    "perfect_outputs_have_the_best_score": (TARGETS, PERFECT),
    "batches_change_nothing": (TARGETS, torch.cat([PERFECT[:5], GUESSING[5:]])),
    "outputs_that_are_no_numbers_score_badly": (TARGETS, PERFECT),
    "metrics_are_those_that_were_chosen": (TARGETS, GUESSING),
    "classes_have_no_more_right_than_there_is": (TARGETS, GUESSING),
    "outputs_of_another_shape_are_refused": (TARGETS, torch.cat([PERFECT, PERFECT], 1)),
    "agreement_is_whole_between_equals": (PERFECT, GUESSING),
    "outputs_that_know_nothing_are_at_chance": (TARGETS, GUESSING),
    "chance_is_less_than_the_best": (),
}


@pytest.mark.parametrize("test", _WITH)
def test_a_task_without_fault_passes(test: str) -> None:
    getattr(TaskConformance(), f"test_{test}")(_Faulty("none"), *_WITH[test])


@pytest.mark.parametrize(
    ("fault", "test"),
    [
        ("loss without a gradient", "loss_is_a_finite_number_that_can_be_lowered"),
        ("loss upside down", "loss_is_a_finite_number_that_can_be_lowered"),
        ("divergence of equals", "divergence_is_nothing_between_equals"),
        ("percent", "perfect_outputs_have_the_best_score"),
        ("keeps the last batch", "batches_change_nothing"),
        ("NaN is right", "outputs_that_are_no_numbers_score_badly"),
        ("not finite", "metrics_are_those_that_were_chosen"),
        ("unasked metric", "metrics_are_those_that_were_chosen"),
        ("more right than there", "classes_have_no_more_right_than_there_is"),
        ("checks nothing", "outputs_of_another_shape_are_refused"),
        ("tells no shape", "outputs_of_another_shape_are_refused"),
        ("agrees always", "agreement_is_whole_between_equals"),
        ("chance is all", "chance_is_less_than_the_best"),
        ("chance is all", "outputs_that_know_nothing_are_at_chance"),
    ],
)
def test_a_fault_is_caught(fault: str, test: str) -> None:
    with pytest.raises((AssertionError, RuntimeError, pytest.fail.Exception)):
        getattr(TaskConformance(), f"test_{test}")(_Faulty(fault), *_WITH[test])

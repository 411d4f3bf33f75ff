import math

import torch
import torch.nn.functional as F

from edgeprune.tasks import Classification
from edgeprune.training.losses import training_loss

TASK = Classification()


def test_without_a_teacher_it_is_cross_entropy() -> None:
    logits, labels = torch.randn(5, 3), torch.tensor([0, 1, 2, 0, 1])
    torch.testing.assert_close(
        training_loss(TASK, logits, labels, None, 4.0), F.cross_entropy(logits, labels)
    )


def test_a_teacher_that_agrees_adds_nothing() -> None:
    logits, labels = torch.randn(5, 3), torch.tensor([0, 1, 2, 0, 1])
    torch.testing.assert_close(
        training_loss(TASK, logits, labels, logits + 2.0, 4.0), F.cross_entropy(logits, labels)
    )


def test_distillation_is_the_divergence_times_the_squared_temperature() -> None:
    # At temperature 2 the teacher says (3/4, 1/4) and the student (1/2, 1/2).
    teacher = torch.tensor([[2 * math.log(3), 0.0]])
    divergence = 0.75 * math.log(0.75 / 0.5) + 0.25 * math.log(0.25 / 0.5)
    found = training_loss(TASK, torch.zeros(1, 2), torch.tensor([0]), teacher, 2.0)
    assert math.isclose(float(found), math.log(2) + 4 * divergence, rel_tol=1e-5)


def test_bfloat16_logits_are_summed_in_float32() -> None:
    logits = torch.randn(5, 3, dtype=torch.bfloat16)
    assert training_loss(TASK, logits, torch.zeros(5, dtype=torch.int64), None, 1.0).dtype is (
        torch.float32
    )


def test_the_larger_weight_counts_whole() -> None:
    logits, labels, teacher = torch.randn(5, 3), torch.tensor([0, 1, 2, 0, 1]), torch.randn(5, 3)
    of_labels = float(training_loss(TASK, logits, labels, None, 2.0))
    of_both = float(training_loss(TASK, logits, labels, teacher, 2.0))
    of_teacher = of_both - of_labels
    for weight, expected in (
        (0.0, of_labels),
        (0.25, of_labels + 0.5 * of_teacher),
        (0.9, 0.2 * of_labels + of_teacher),
        (1.0, of_teacher),
    ):
        found = float(training_loss(TASK, logits, labels, teacher, 2.0, weight))
        assert math.isclose(found, expected, rel_tol=1e-4)

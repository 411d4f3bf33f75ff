"""What training minimises."""

from typing import Any

import torch

from edgeprune.tasks import Targets, Task


def training_loss(
    task: Task,
    outputs: Any,
    targets: Targets,
    taught: Any,
    temperature: float,
    weight: float = 0.5,
) -> torch.Tensor:
    """The task's loss, plus distillation where there is a teacher.

    The larger of the two counts whole and the other in proportion: at a weight of one half their
    sum is minimised, and a learning rate that suits one weight suits the others.

    Args:
        task: whose loss and divergence these are.
        outputs: of the model that is trained.
        targets: of the same images.
        taught: what the teacher gives, or None.
        temperature: softens distributions in distillation; above 0.
        weight: of distillation, from 0 to 1; the task's loss has the rest.

    Returns:
        A float32 scalar.
    """
    loss = task.loss(outputs, targets)
    if taught is None:
        return loss
    of_targets, of_teacher = min(1.0, 2 * (1 - weight)), min(1.0, 2 * weight)
    return of_targets * loss + of_teacher * task.divergence(outputs, taught, temperature)

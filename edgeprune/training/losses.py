"""What training minimises."""

import torch
import torch.nn.functional as F


def training_loss(
    logits: torch.Tensor,
    labels: torch.Tensor,
    teacher_logits: torch.Tensor | None,
    temperature: float,
    weight: float = 0.5,
) -> torch.Tensor:
    """Cross-entropy, plus distillation where there is a teacher.

    The larger of the two counts whole and the other in proportion: at a weight of one half their
    sum is minimised, and a learning rate that suits one weight suits the others.

    The distillation term is ``KL(teacher || student) * T²`` at temperature T (Hinton et al. 2015,
    section 2); T² keeps its gradient's size independent of the temperature.

    Args:
        logits: (N, classes).
        labels: (N,) int64.
        teacher_logits: (N, classes), or None.
        temperature: softens both distributions; above 0.
        weight: of distillation, from 0 to 1; cross-entropy has the rest.

    Returns:
        A float32 scalar.
    """
    logits = logits.float()
    loss = F.cross_entropy(logits, labels)
    if teacher_logits is None:
        return loss
    soft = F.kl_div(
        F.log_softmax(logits / temperature, 1),
        F.log_softmax(teacher_logits.float() / temperature, 1),
        reduction="batchmean",
        log_target=True,
    )
    of_labels, of_teacher = min(1.0, 2 * (1 - weight)), min(1.0, 2 * weight)
    return of_labels * loss + of_teacher * temperature**2 * soft

"""What training minimises."""

import torch
import torch.nn.functional as F


def training_loss(
    logits: torch.Tensor,
    labels: torch.Tensor,
    teacher_logits: torch.Tensor | None,
    temperature: float,
) -> torch.Tensor:
    """Cross-entropy, plus distillation where there is a teacher.

    The distillation term is ``KL(teacher || student) * T²`` at temperature T (Hinton et al. 2015,
    section 2); T² keeps its gradient's size independent of the temperature.

    Args:
        logits: (N, classes).
        labels: (N,) int64.
        teacher_logits: (N, classes), or None.
        temperature: softens both distributions; above 0.

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
    return loss + temperature**2 * soft

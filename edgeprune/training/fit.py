"""Training a model on a split: from scratch, or on after pruning with a teacher."""

import copy
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import nn

from edgeprune.training import checkpoint as saved
from edgeprune.training.mode import Mode, choose_mode, in_mode, lay_out, memory_format

if TYPE_CHECKING:
    from edgeprune.workloads import Split

_MOMENTUM = 0.9


@dataclass(frozen=True)
class FitResult:
    """How a training went.

    Attributes:
        losses: mean loss of every epoch, those before a resumption included.
        seconds: spent in this process.
        mode: number format and memory layout used.
    """

    losses: tuple[float, ...]
    seconds: float
    mode: Mode


def fit(
    model: nn.Module,
    split: "Split",
    *,
    epochs: int,
    lr: float,
    batch_size: int,
    weight_decay: float,
    seed: int,
    teacher: nn.Module | None = None,
    temperature: float = 4.0,
    checkpoint: Path | None = None,
    mode: Mode | None = None,
    on_epoch: Callable[[int, float], None] | None = None,
) -> FitResult:
    """Train a model in place; it is left in eval mode.

    SGD with Nesterov momentum 0.9, a cosine schedule over all steps, augmented images. With a
    teacher the loss is the mean of cross entropy and the divergence from the teacher's softened
    outputs times T² (Hinton et al., arXiv 1503.02531, section 2).

    Args:
        model: trained in place.
        split: training images.
        epochs: passes over the split.
        lr: largest learning rate.
        batch_size: images per step.
        weight_decay: L2 penalty of SGD.
        seed: fixes order and augmentation.
        teacher: whose outputs to learn from, in eval mode; None for the labels alone.
        temperature: softens both outputs.
        checkpoint: written after every epoch; where it exists, training goes on after it and
            ends with the same weights as one that was not interrupted.
        mode: number format; the quicker one by a short trial when not given.
        on_epoch: called after each epoch with its number from 0 and mean loss, also for epochs
            that a checkpoint holds already.
    """
    # A trained net pruned and trained on meets denormal numbers, which CPUs are slow with.
    torch.set_flush_denormal(True)
    start = time.perf_counter()
    loss_of = _Loss(model, teacher, temperature)
    optimizer = torch.optim.SGD(
        model.parameters(), lr=lr, momentum=_MOMENTUM, nesterov=True, weight_decay=weight_decay
    )
    steps = max(1, epochs * math.ceil(len(split) / batch_size))
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    generator = torch.Generator().manual_seed(seed)
    parts = {"model": model, "optimizer": optimizer, "schedule": schedule}
    if checkpoint is not None and checkpoint.exists():
        progress, states = saved.load(checkpoint)
        generator.set_state(states["generator"])
        for name, part in parts.items():
            part.load_state_dict(states[name])
    else:
        chosen = mode or _quickest(model, split, batch_size, loss_of)
        progress = saved.Progress(chosen, [])
    for epoch, loss in enumerate(progress.losses):
        if on_epoch:
            on_epoch(epoch, loss)
    used: Mode = "bfloat16" if progress.mode == "bfloat16" else "float32"
    lay_out(model, used)
    for epoch in range(len(progress.losses), epochs):
        total = 0.0
        model.train()
        for images, labels in split.batches(batch_size, generator=generator, augment=True):
            if len(images) == 1:
                continue  # batch normalisation has no variance over one image
            optimizer.zero_grad(set_to_none=True)
            loss = loss_of(images, labels, used)
            loss.backward()
            optimizer.step()
            schedule.step()
            total += loss.item() * len(images)
        progress.losses.append(total / len(split))
        if checkpoint is not None:
            states = {name: part.state_dict() for name, part in parts.items()}
            saved.save(checkpoint, progress, states | {"generator": generator.get_state()})
        if on_epoch:
            on_epoch(epoch, progress.losses[-1])
    lay_out(model, "float32")
    model.eval()
    return FitResult(tuple(progress.losses), time.perf_counter() - start, used)


class _Loss:
    def __init__(self, model: nn.Module, teacher: nn.Module | None, temperature: float) -> None:
        self.model, self.teacher, self._temperature = model, teacher, temperature

    def __call__(self, images: torch.Tensor, labels: torch.Tensor, mode: Mode) -> torch.Tensor:
        images = images.contiguous(memory_format=memory_format(mode))
        with in_mode(mode):
            outputs = self.model(images).float()
            loss = F.cross_entropy(outputs, labels)
            if self.teacher is None:
                return loss
            with torch.no_grad():
                wanted = self.teacher(images).float()
        scale = self._temperature
        divergence = F.kl_div(
            F.log_softmax(outputs / scale, 1),
            F.log_softmax(wanted / scale, 1),
            reduction="batchmean",
            log_target=True,
        )
        return (loss + divergence * scale**2) / 2


def _quickest(model: nn.Module, split: "Split", batch_size: int, loss: _Loss) -> Mode:
    """Try a few steps in each mode on a copy, so that the model and its statistics stay."""
    batches = list(islice(split.subset(batch_size, 0).batches(batch_size), 1))
    if len(batches[0][0]) < 2:
        return "float32"
    trial = _Loss(copy.deepcopy(model).train(), loss.teacher, loss._temperature)

    def step(mode: Mode) -> None:
        lay_out(trial.model, mode)
        trial(*batches[0], mode).backward()

    return choose_mode(step)

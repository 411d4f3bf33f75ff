"""Fitting a model's weights: SGD over epochs, resumable, deterministic."""

import hashlib
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import nn
from torch.utils._pytree import tree_map_only

from edgeprune.errors import DivergedError
from edgeprune.evaluation import flush_denormals
from edgeprune.tasks import Classification, Targets, Task
from edgeprune.tensors import Inputs, call
from edgeprune.training.average import Average
from edgeprune.training.checkpoint import Progress, Recipe, load, save
from edgeprune.training.losses import training_loss
from edgeprune.training.mode import MODES, Mode, fastest_mode, mode_named
from edgeprune.training.schedule import Schedule

if TYPE_CHECKING:
    from edgeprune.workloads import Split

_MOMENTUM = 0.9
#: Trainings with fewer steps than this are not worth a timed trial of the modes.
_TRIAL_WORTH_STEPS = 100


@dataclass(frozen=True)
class FitResult:
    """How a training went.

    Attributes:
        seconds: spent on it, in all processes, the timed trial left out.
        mode: name of the mode its steps were computed in.
        losses: mean training loss of every epoch.
    """

    seconds: float
    mode: str
    losses: tuple[float, ...]


def fit(
    model: nn.Module,
    split: "Split",
    *,
    epochs: int,
    lr: float,
    batch_size: int,
    weight_decay: float,
    seed: int,
    task: Task | None = None,
    teacher: nn.Module | None = None,
    temperature: float = 4.0,
    distill_weight: float = 0.5,
    schedule: str = "cosine",
    warmup: float = 0.0,
    ema: float | None = None,
    clip: float | None = None,
    checkpoint: Path | None = None,
    begin: int = 0,
    until: int | None = None,
    on_epoch: Callable[[int, float], None] | None = None,
    on_batch: Callable[[int, int], None] | None = None,
    mode: str | None = None,
    penalty: Callable[[], torch.Tensor] | None = None,
    after_step: Callable[[], None] | None = None,
) -> FitResult:
    """Train a model in place: SGD with Nesterov momentum, a falling learning rate, augmentation.

    The learning rate changes step by step (`Schedule`). Weight decay acts on
    weights, not on biases and normalisations. Equal arguments, mode and thread count give equal
    weights, bit for bit, also when the training was interrupted and resumed; on a GPU nearly so.

    On a GPU (mode ``cuda``) the model is there during an epoch alone: what is done between epochs
    finds it on the CPU.

    Args:
        model: its weights are changed; left in eval mode.
        split: the training images; shuffled and augmented anew every epoch.
        epochs: passes over the images; 0 does nothing.
        lr: highest learning rate.
        batch_size: images per step.
        weight_decay: L2 coefficient.
        seed: of order, augmentation and dropout.
        task: whose loss is minimised; classification unless given.
        teacher: distil from this model's outputs as well; put into eval mode, else left alone.
        temperature: of the distillation.
        distill_weight: of the distillation beside the targets, from 0 to 1; see `training_loss`.
        schedule: how the learning rate falls to 0, ``cosine`` or ``linear``.
        warmup: share of the steps in which it rises first.
        ema: decay of a moving average of the weights; the model is left with the average, also at
            a pause, while `checkpoint` keeps both. Before the end, callbacks find the weights that
            are trained.
        clip: largest norm of a step's gradient; a larger one is scaled down to it. The first steps
            of a freshly pruned model have gradients that undo what its recovery repaired.
        checkpoint: file that keeps the state after every epoch; an existing one is continued.
        begin: epochs that another training of these weights has done: the learning rate goes on
            where it ended, and so does the number of epochs.
        until: pause after that many of the epochs, for instance to drop the worse half of several
            contenders; a later call with `checkpoint` and a larger `until`, or none, goes on as if
            there had been no pause. A checkpoint that is further already is only loaded.
        on_epoch: called with an epoch's number, from 0, and its mean loss, after its checkpoint
            is written; also for the epochs that a checkpoint brings back.
        on_batch: called after every step with the steps done so far and the steps in all.
        mode: one of `MODES`; by default a few steps are timed in each. A checkpoint's own mode
            comes first.
        penalty: of the model's parameters, a scalar that is added to every step's loss.
        after_step: called after every change of the weights; may change them, as a mask does.

    Returns:
        Seconds, mode and losses of the epochs done so far.

    Raises:
        DivergedError: the loss is not finite any more.
        UserError: `mode`, `schedule`, `warmup` or `ema` is not allowed.
        RunError: `checkpoint` is another training's, or cannot be read.
    """
    recipe = Recipe(
        epochs=epochs,
        lr=lr,
        batch_size=batch_size,
        weight_decay=weight_decay,
        seed=seed,
        distill=teacher is not None,
        temperature=temperature,
        images=len(split),
        schedule=schedule,
        warmup=warmup,
        distill_weight=distill_weight,
        ema=ema,
        clip=clip,
        begin=begin,
    )
    chosen = mode_named(mode) if mode is not None else None
    flush_denormals()
    optimizer = _optimizer(model, lr, weight_decay)
    session = _Fit(
        model, split, recipe, optimizer, task or Classification(), teacher, penalty, after_step
    )
    if checkpoint is not None and checkpoint.exists():
        progress = load(checkpoint, recipe, model, optimizer, session.average)
        session.mode = mode_named(progress.mode)
    else:
        session.mode = chosen or session.time_modes()
        progress = Progress(session.mode.name, [], 0.0)
    for epoch, loss in enumerate(progress.losses, begin):
        if on_epoch:
            on_epoch(epoch, loss)
    last = epochs if until is None else min(until, epochs)
    for epoch in range(begin + len(progress.losses), last):
        start = time.perf_counter()
        progress.losses.append(session.epoch(epoch, on_batch))
        progress.seconds += time.perf_counter() - start
        if checkpoint is not None:
            save(checkpoint, recipe, progress, model, optimizer, session.average)
        if on_epoch:
            on_epoch(epoch, progress.losses[-1])
    if session.average is not None:
        session.average.put_into(model)
    model.eval()
    return FitResult(progress.seconds, session.mode.name, tuple(progress.losses))


class _Fit:
    """One training: what its epochs share."""

    def __init__(
        self,
        model: nn.Module,
        split: "Split",
        recipe: Recipe,
        optimizer: torch.optim.Optimizer,
        task: Task,
        teacher: nn.Module | None,
        penalty: Callable[[], torch.Tensor] | None,
        after_step: Callable[[], None] | None,
    ) -> None:
        self._penalty, self._after_step = penalty, after_step
        self.mode = MODES["float32"]
        self._model, self._split, self._recipe = model, split, recipe
        self._optimizer, self._task, self._teacher = optimizer, task, teacher
        self._schedule = Schedule(recipe.schedule, recipe.warmup)
        self.average = None if recipe.ema is None else Average(model, recipe.ema)
        self._steps = recipe.epochs * sum(1 for _ in _sizes(len(split), recipe.batch_size))

    def epoch(self, epoch: int, on_batch: Callable[[int, int], None] | None) -> float:
        """Train for one epoch; returns the mean loss of its images."""
        recipe, total, images = self._recipe, 0.0, 0
        done = epoch * self._steps // recipe.epochs
        self._model.train()
        if self._teacher is not None:
            self._teacher.eval()
        order = torch.Generator().manual_seed(_derived(recipe.seed, epoch, "order"))
        # Dropout draws from the global generator: seeded here, and given back as it was.
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(_derived(recipe.seed, epoch, "model"))
            self._move(self.mode.device)
            for inputs, targets in self._batches(order):
                self._set_lr(done)
                loss = self._step(self._model, self._optimizer, self.mode, inputs, targets)
                if self._after_step is not None:
                    self._after_step()
                if self.average is not None:
                    self.average.update(self._model)
                if not math.isfinite(loss):
                    msg = (
                        f"the training loss became {loss} in epoch {epoch + 1} of "
                        f"{recipe.epochs} with lr {recipe.lr}; use a smaller lr"
                    )
                    raise DivergedError(msg)
                total += loss * len(targets)
                images += len(targets)
                done += 1
                if on_batch:
                    on_batch(done, self._steps)
        self._move("cpu")
        return total / images

    def _move(self, device: str) -> None:
        """Model, its average, teacher and the optimiser's state to a device; all in place."""
        self._model.to(device)
        if self._teacher is not None:
            self._teacher.to(device)
        if self.average is not None:
            self.average.to(device)
        for state in self._optimizer.state.values():
            for name, value in state.items():
                if isinstance(value, torch.Tensor):
                    state[name] = value.to(device)

    def time_modes(self) -> Mode:
        """The mode a short trial finds fastest; plain float32 for short trainings."""
        if self._steps < _TRIAL_WORTH_STEPS:
            return MODES["float32"]
        inputs, targets = next(iter(self._split.batches(self._recipe.batch_size)))

        def step(trial: nn.Module, mode: Mode) -> None:
            trial.train()
            optimizer = _optimizer(trial, 0.0, self._recipe.weight_decay)
            self._step(trial, optimizer, mode, inputs, targets)

        with torch.random.fork_rng(devices=[]):
            return fastest_mode(self._model, step)

    def _step(
        self,
        model: nn.Module,
        optimizer: torch.optim.Optimizer,
        mode: Mode,
        inputs: Inputs,
        targets: Targets,
    ) -> float:
        inputs = mode.place(inputs)
        taught = None
        with mode.autocast():
            if self._teacher is not None:
                with torch.no_grad():
                    taught = call(self._teacher, inputs)
            outputs = call(model, inputs)
        recipe, device = self._recipe, mode.device
        targets = tree_map_only(torch.Tensor, lambda one: one.to(device), targets)
        loss = training_loss(
            self._task, outputs, targets, taught, recipe.temperature, recipe.distill_weight
        )
        if self._penalty is not None:
            loss = loss + self._penalty()
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        if recipe.clip is not None:
            nn.utils.clip_grad_norm_(model.parameters(), recipe.clip)
        optimizer.step()
        return loss.item()

    def _batches(self, order: torch.Generator) -> Iterator[tuple[Inputs, Targets]]:
        """Augmented batches; one that is too small for a batch norm is left out."""
        batch_size = self._recipe.batch_size
        for inputs, targets in self._split.batches(batch_size, generator=order, augment=True):
            if len(targets) > 1 or batch_size == 1 or len(self._split) == 1:
                yield inputs, targets

    def _set_lr(self, done: int) -> None:
        lr = self._recipe.lr * self._schedule.factor(done, self._steps)
        for group in self._optimizer.param_groups:
            group["lr"] = lr


def _sizes(images: int, batch_size: int) -> Iterator[int]:
    """Sizes of the batches that `_Fit._batches` lets through."""
    for start in range(0, images, batch_size):
        size = min(batch_size, images - start)
        if size > 1 or batch_size == 1 or images == 1:
            yield size


def _optimizer(model: nn.Module, lr: float, weight_decay: float) -> torch.optim.SGD:
    weights = [one for one in model.parameters() if one.requires_grad and one.dim() > 1]
    others = [one for one in model.parameters() if one.requires_grad and one.dim() <= 1]
    groups = [
        {"params": weights, "weight_decay": weight_decay},
        {"params": others, "weight_decay": 0.0},
    ]
    return torch.optim.SGD(
        [group for group in groups if group["params"]], lr=lr, momentum=_MOMENTUM, nesterov=True
    )


def _derived(seed: int, epoch: int, purpose: str) -> int:
    """A seed of its own for every epoch and purpose."""
    digest = hashlib.sha256(f"{seed}:{epoch}:{purpose}".encode()).digest()
    return int.from_bytes(digest[:7])

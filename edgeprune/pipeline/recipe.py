"""The recipe by which a run trains its candidates and finished models, all alike."""

from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Protocol

from torch import nn

from edgeprune.config import PipelineConfig
from edgeprune.errors import DivergedError
from edgeprune.pruning import CandidatePlan
from edgeprune.training import FitResult, fit
from edgeprune.workloads import Split, Workload


class Shop(Protocol):
    """What training needs of a run: a session has it, and a worker elsewhere."""

    @property
    def config(self) -> PipelineConfig:
        """The pipeline."""
        ...

    @property
    def workload(self) -> Workload:
        """The base model and its data."""
        ...


def train(
    session: Shop,
    model: nn.Module,
    split: Split,
    *,
    epochs: int,
    lr_share: float = 1.0,
    checkpoint: Path | None = None,
    until: int | None = None,
    on_epoch: Callable[[int, float], None] | None = None,
    after_step: Callable[[], None] | None = None,
) -> FitResult:
    """Train a pruned model in place as ``finetune`` says, the base model being its teacher.

    After joint training the learning rate goes on where it ended, and half-trained weights are
    nobody's teacher.

    Args:
        session: the open run, or what stands for it.
        model: recovered; left in eval mode.
        split: training images.
        epochs: passes over them, over which the learning rate falls to zero.
        lr_share: of the recipe's learning rate.
        checkpoint: the state after every epoch; None: keep none.
        until: pause after that many epochs; a later call goes on.
        on_epoch: told of every epoch and its loss.
        after_step: called after every step.
    """
    recipe, before = session.config.finetune, session.config.trained_before
    return fit(
        model,
        split,
        epochs=before + epochs,
        lr=lr_share * (session.config.joint.lr if before else recipe.lr),
        batch_size=recipe.batch_size,
        weight_decay=recipe.weight_decay,
        seed=session.config.search.seed,
        task=session.workload.task,
        teacher=session.workload.model if recipe.distill and not before else None,
        temperature=recipe.temperature,
        distill_weight=recipe.distill_weight,
        schedule="cosine" if before else recipe.schedule,
        warmup=0.0 if before else recipe.warmup,
        ema=recipe.ema,
        clip=recipe.clip or None,
        checkpoint=checkpoint,
        begin=before,
        until=None if until is None else before + until,
        on_epoch=on_epoch and (lambda epoch, loss: on_epoch(epoch - before, loss)),
        mode=session.config.training_mode,
        after_step=after_step,
    )


def retrain(session: Shop, images: int, model: nn.Module, plan: CandidatePlan) -> None:
    """Train a candidate a little before it is scored.

    Args:
        session: the open run, or what stands for it.
        images: training images, each used once.
        model: recovered; trained in place.
        plan: the model's.
    """
    split = session.workload.splits.train.subset(images, session.config.search.seed)
    with suppress(DivergedError):  # what is left of it is scored as it is: as good as by chance
        train(session, model, split, epochs=1, after_step=partial(plan.hold, model))

"""Measuring sensitivity curves: each group cut alone, recovered, and held against the base."""

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from edgeprune.evaluation import Recovery, flush_denormals
from edgeprune.sensitivity.curves import Curves, interpolated
from edgeprune.tasks import Classification, Task
from edgeprune.tensors import call, examples_in

if TYPE_CHECKING:
    from edgeprune.pruning import CandidatePlan, ChannelSpace, Widths
    from edgeprune.workloads import Split

#: Images each loss is a mean over.
IMAGES = 256
_BATCH = 64
#: Shares of the full width that are measured, the most telling first; the narrowest width and the
#: removal of the branch come before them all.
SHARES = (0.5, 0.25, 0.75, 0.375, 0.125)

#: Losses by group and width.
Measured = dict[str, dict[int, float]]


def measure_curves(
    space: "ChannelSpace",
    model: nn.Module,
    plan: "Callable[[Widths], CandidatePlan]",
    recovery: Recovery,
    split: "Split",
    *,
    task: Task | None = None,
    images: int = IMAGES,
    seed: int = 0,
    seconds: float = 300.0,
    useful: Mapping[str, Sequence[int]] | None = None,
    known: Measured | None = None,
    keep: Callable[[Measured], object] = lambda measured: None,
    advance: Callable[[str], None] = lambda note: None,
) -> Curves:
    """Measure the sensitivity of every free group.

    A group is cut alone to one width, the candidate repaired as every candidate is, and its
    answers compared with the base model's: the task's mean divergence over training images (of
    classification Kullback and Leibler's) needs no labels and tells small harm that accuracy does
    not show. The narrowest width
    of every group and the removal of every branch are measured first, widths between them while
    time remains; the others are interpolated.

    Args:
        space: the model's groups.
        model: the base model, in eval mode.
        plan: chooses the channels that given widths keep.
        recovery: repairs candidates.
        split: training images; never those of the reward.
        task: what the model is for; classification unless given.
        images: how many of them.
        seed: of their choice.
        seconds: no further width is begun after so long, but for those measured first.
        useful: by group the widths between the ends that are worth measuring; None: any.
        known: what an interrupted measurement had.
        keep: told all that is measured, after every group's turn.
        advance: told of every measured width.

    Returns:
        The curves. A loss that is not finite counts as the largest that is, and is named.
    """
    flush_denormals()
    started = time.monotonic()
    measured: Measured = {group: dict(points) for group, points in (known or {}).items()}
    few = split.subset(min(images, len(split)), seed)
    meter = _Meter(model, recovery, few, task or Classification())
    first = list(_first_points(space))
    for group, width in (*first, *_further_points(space, useful)):
        if width in measured.get(group, {}):
            continue
        if (group, width) not in first and time.monotonic() - started > seconds:
            break
        widths = {group: width}
        if width == 0:
            widths = dict.fromkeys(_branch_of(space, group), 0)
        measured.setdefault(group, {})[width] = meter.loss(plan(widths))
        keep(measured)
        advance(f"{group} at {width} of {space.full[group]} channels")
    return _curves(space, measured, time.monotonic() - started, meter.images)


def points_wanted(space: "ChannelSpace", useful: Mapping[str, Sequence[int]] | None = None) -> int:
    """How many widths are measured where there is time for all of them."""
    return len({*_first_points(space), *_further_points(space, useful)})


class _Meter:
    """Compares candidates with the base model on the same images."""

    def __init__(self, model: nn.Module, recovery: Recovery, split: "Split", task: Task) -> None:
        self._recovery, self._task = recovery, task
        place = recovery.execution.place
        self._batches = [place(inputs) for inputs, _ in split.batches(_BATCH)]
        self.images = len(split)
        self._expected = self._answers(model)

    def loss(self, plan: "CandidatePlan") -> float:
        """Divergence of a plan's recovered candidate; not finite if its answers are not."""
        found = self._answers(self._recovery.recover(plan))
        total = 0.0
        for images, given, expected in zip(self._batches, found, self._expected, strict=True):
            total += examples_in(images) * float(self._task.divergence(given, expected))
        return total / self.images

    def _answers(self, model: nn.Module) -> list[Any]:
        """Outputs of every batch."""
        with torch.inference_mode(), self._recovery.execution.autocast():
            return [call(model, one) for one in self._batches]


def _first_points(space: "ChannelSpace") -> Iterator[tuple[str, int]]:
    """The ends of every curve: measured whatever time they take."""
    for branch in space.branches:
        yield branch.groups[0], 0
    for name, choices in space.choices.items():
        if positive := [width for width in choices[:-1] if width > 0]:
            yield name, positive[0]


def _further_points(
    space: "ChannelSpace", useful: Mapping[str, Sequence[int]] | None
) -> Iterator[tuple[str, int]]:
    """Widths between the ends, the most telling first."""
    for share in SHARES:
        for name, choices in space.choices.items():
            open_choices = choices if useful is None else useful[name]
            if between := [width for width in open_choices if 0 < width < choices[-1]]:
                yield name, min(between, key=lambda one: abs(one - share * choices[-1]))


def _branch_of(space: "ChannelSpace", group: str) -> tuple[str, ...]:
    return next(branch.groups for branch in space.branches if group in branch.groups)


def _curves(space: "ChannelSpace", measured: Measured, seconds: float, images: int) -> Curves:
    every = [loss for points in measured.values() for loss in points.values()]
    worst = max(filter(math.isfinite, every), default=1.0)
    warnings = []
    losses, choices, found = {}, {}, {}
    for group, widths in space.choices.items():
        points = measured.get(group, {})
        broken = sorted(width for width, loss in points.items() if not math.isfinite(loss))
        if broken:
            listed = ", ".join(map(str, broken))
            warnings.append(
                f"{group} at {listed} channels gives answers that are not finite (a dead layer?): "
                "the worst loss of all is taken for it"
            )
        usable = {w: loss if math.isfinite(loss) else worst for w, loss in points.items()}
        choices[group], losses[group] = widths, interpolated(widths, usable)
        found[group] = usable
    return Curves(choices, losses, found, seconds, images, tuple(warnings))

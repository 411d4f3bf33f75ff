"""Everything that can be told of a pipeline file without training, in seconds."""

import copy
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import torch

from edgeprune.config import PipelineConfig, load_boards, load_pipeline
from edgeprune.devices.check import Link, check_boards
from edgeprune.errors import EdgepruneError
from edgeprune.evaluation import accuracy
from edgeprune.export.formats import check_writable
from edgeprune.pipeline.base_model import base_recipe
from edgeprune.pipeline.field import FINALISTS
from edgeprune.pipeline.gates import is_chance
from edgeprune.pipeline.granularity import check_settings
from edgeprune.pipeline.names import unknown_names
from edgeprune.pipeline.precision import candidate_form, check_precision
from edgeprune.pipeline.session import channel_space
from edgeprune.pipeline.stages.race import planned_epochs
from edgeprune.pruning import ChannelSpace
from edgeprune.tasks import Task
from edgeprune.tensors import call, examples_in, sizes_of
from edgeprune.workloads import Workload, load_workload

#: Reward images that given weights are tried on.
_TRIED = 512
#: Fewest reward images that tell candidates of a percentage point or two apart.
_FEW_IMAGES = 500
#: Room that a run needs beside its networks, megabytes.
_ROOM_MB = 200
#: Networks that a run keeps at once: contenders with the optimiser's state, and files of results.
_NETWORKS = 40
#: Seconds for measuring a candidate, and for repairing it beside the passes over images.
_MEASURING_S, _REPAIRING_S = 1.5, 0.5
#: What a pruned network takes to train beside the base model, about, its teacher included.
_PRUNED = 0.8
#: Widths of one group that are looked at for its curve, about.
_CURVE_POINTS = 5


def check_pipeline(pipeline: str | Path, overrides: Sequence[str] = ()) -> Iterator[Link]:
    """Try a pipeline file from its settings to the device; ends at the first broken link.

    Args:
        pipeline: the file.
        overrides: as of a run.

    Yields:
        The links, as they are tried; the last one estimates how long a run takes.

    Raises:
        ConfigError: a setting is wrong; the message has the line.
    """
    config = load_pipeline(pipeline, overrides, unknown_names)
    check_settings(config)
    yield Link(
        "settings", "ok", f"{config.budget.text} on {', '.join(config.targets)}, {config.finder}"
    )
    opened = _Opened(config)
    steps: dict[str, Callable[[_Opened], Iterator[Link]]] = {
        "model and data": _look_at_model,
        "what may be cut": _look_at_space,
        "formats": _look_at_formats,
        "disk": _look_at_disk,
        "target": lambda opened: check_boards(load_boards(opened.config)),
        "duration": _estimate,
    }
    for name, step in steps.items():
        try:
            for link in step(opened):
                yield link
                if link.state == "broken":
                    return
        except EdgepruneError as error:
            yield Link(name, "broken", str(error))
            return


@dataclass
class _Opened:
    """A pipeline and what it names, each opened when a step first asks for it."""

    config: PipelineConfig

    @cached_property
    def workload(self) -> Workload:
        return load_workload(self.config.workload)

    @cached_property
    def space(self) -> ChannelSpace:
        return channel_space(self.config, self.workload)


def _look_at_model(opened: _Opened) -> Iterator[Link]:
    config, workload = opened.config, opened.workload
    count = sum(one.numel() for one in workload.model.parameters())
    shape = sizes_of(workload.example_input)
    yield Link("model", "ok", f"{config.workload.model.name}, {count:,} weights, {shape} images")
    splits = workload.splits
    sizes = [f"{len(one):,} {one.name}" for one in (splits.train, splits.reward, splits.test)]
    few = len(splits.reward) < _FEW_IMAGES
    mend = f"fewer than {_FEW_IMAGES} reward images: small differences are chance" if few else ""
    text = f"{', '.join(sizes)} images of {workload.classes} classes"
    yield Link("data", "warning" if few else "ok", text, mend)
    if workload.trained:
        tried = splits.reward.subset(min(_TRIED, len(splits.reward)), 0)
        right = accuracy(workload.model, tried, task=workload.task)
        if is_chance(right, len(tried), workload.task.chance(workload.classes)):
            mend = (
                "no better than chance: are classes in the order of the training, and mean, std "
                "and image size those of the training?"
            )
            yield Link(
                "weights", "warning", _reached(workload.task, right, f"{len(tried)} images"), mend
            )
        else:
            yield Link(
                "weights", "ok", _reached(workload.task, right, f"{len(tried)} reward images")
            )
    else:
        yield Link("weights", "ok", f"to be trained, {base_recipe(config).epochs} epochs")


def _reached(task: Task, score: float, images: str) -> str:
    if task.score.called == "accuracy":
        return f"{score:.1%} of {images} right"
    return f"{task.score.called} {score:.1%} on {images}"


def _look_at_space(opened: _Opened) -> Iterator[Link]:
    space = opened.space
    if opened.config.prune.granularity == "weights":
        yield Link("cuts", "ok", "single weights of all convolutions and linear layers")
        return
    smallest = {name: choices[0] for name, choices in space.choices.items()}
    left = space.macs(smallest) / space.macs(space.full)
    text = (
        f"{len(space.free)} groups of channels, {len(space.branches)} blocks may go; "
        f"{left:.0%} of the multiply-accumulates cannot be cut"
    )
    if not space.free:
        mend = "`edgeprune inspect` tells why each group is fixed"
        yield Link("cuts", "broken", "no channel may be cut", mend)
        return
    yield Link("cuts", "ok", text)


def _look_at_formats(opened: _Opened) -> Iterator[Link]:
    config = opened.config
    target = load_boards(config)[0]
    check_precision(config, target)
    for form in config.export.formats:
        check_writable(form, target)
    names = ", ".join(dict.fromkeys(("onnx", candidate_form(target), *config.export.formats)))
    yield Link("formats", "ok", f"{names} in {', '.join(config.export.precision)}")


def _look_at_disk(opened: _Opened) -> Iterator[Link]:
    free = shutil.disk_usage(Path.cwd()).free / 1e6
    needed = _ROOM_MB + _NETWORKS * len(opened.space.template.base) / 1e6
    text = f"{free:,.0f} MB are free here, about {needed:,.0f} MB are needed"
    mend = "" if free > needed else "make room, or give --run-dir on another disk"
    yield Link("disk", "warning" if mend else "ok", text, mend)


def _estimate(opened: _Opened) -> Iterator[Link]:
    """From the time of a training step and of a forward pass on this machine."""
    config, workload, space = opened.config, opened.workload, opened.space
    step_s, pass_s = _times(config, workload)
    train, reward = len(workload.splits.train), len(workload.splits.reward)
    recipe, search, base = config.finetune, config.search, config.workload.train
    epoch_s = train / recipe.batch_size * step_s
    trial_s = (2 * config.recover.images + reward) * pass_s + _MEASURING_S + _REPAIRING_S
    points = len(space.free) * _CURVE_POINTS
    parts = {
        "training": 0.0 if workload.trained or base is None else base.epochs * epoch_s,
        "curves": min(search.curves_s, points * 2 * config.recover.images * pass_s),
        "searches": 2 * search.trials * trial_s,
        "race": planned_epochs(FINALISTS, 3, recipe.epochs) * epoch_s * _PRUNED,
    }
    told = ", ".join(f"{name} {_minutes(seconds)}" for name, seconds in parts.items() if seconds)
    total = _minutes(sum(parts.values()) * len(config.budget.each))
    yield Link("duration", "ok", f"about {total} ({told})")


def _times(config: PipelineConfig, workload: Workload) -> tuple[float, float]:
    """Seconds of a training step, and of a forward pass of one image."""
    images, targets = next(iter(workload.splits.train.batches(config.finetune.batch_size)))
    model = copy.deepcopy(workload.model)
    with torch.inference_mode():
        passes = _fastest(lambda: call(model, images)) / examples_in(images)

    def step() -> None:
        model.zero_grad()
        loss = workload.task.loss(call(model, images), targets)
        loss.backward()  # type: ignore[no-untyped-call]

    return _fastest(step), passes


def _fastest(action: Callable[[], object], times: int = 3) -> float:
    action()
    seconds = []
    for _ in range(times):
        start = time.perf_counter()
        action()
        seconds.append(time.perf_counter() - start)
    return min(seconds)


def _minutes(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"

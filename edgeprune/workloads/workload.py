"""A workload: a model, its example input and its splits."""

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial

import torch
from torch import nn

from edgeprune.config import DataConfig, ModelConfig, WorkloadConfig
from edgeprune.errors import FormError, WorkloadError
from edgeprune.tasks import Classification, Targets, Task, make_task
from edgeprune.tensors import Inputs, call, flattened_outputs, sizes_of
from edgeprune.workloads.datasets import Dataset, open_dataset
from edgeprune.workloads.models import build_model
from edgeprune.workloads.models.registry import published, published_recipe
from edgeprune.workloads.recipe import Recipe
from edgeprune.workloads.split import Splits
from edgeprune.workloads.splitting import make_splits
from edgeprune.workloads.weights import load_weights, read_weights


@dataclass(frozen=True)
class Workload:
    """What is to be pruned, and what it is judged on.

    Attributes:
        name: model and dataset, ``resnet20 on digits``.
        model: in eval mode, with the given weights, or fresh ones to be trained.
        trained: whether weights were given.
        class_names: of the labels, in their order.
        example_input: (1, C, H, W) float32, the first training image, normalised.
        splits: train, reward and test.
        build: makes the same architecture again, with fresh weights.
        task: what the model is for.
    """

    name: str
    model: nn.Module
    trained: bool
    class_names: tuple[str, ...]
    example_input: Inputs
    splits: Splits
    build: Callable[[], nn.Module]
    task: Task = field(default_factory=Classification)

    @property
    def classes(self) -> int:
        """Number of classes."""
        return len(self.class_names)


def load_workload(config: WorkloadConfig) -> Workload:
    """Load a model and its data, and try one forward pass.

    Args:
        config: the `workload` part of a pipeline file.

    Raises:
        WorkloadError: model, weights or data cannot be used, or do not fit each other.
    """
    # The cheap parts first: a misspelt model should not wait for 60,000 images.
    task = make_task(config.task, config.metrics, config.task_args)
    build = partial(build_model, config.model, seed=config.data.seed)
    model = build()
    trained = config.model.weights is not None
    _load_given_weights(model, config.model)
    name = f"{config.model.name} on {config.data.name}"
    recipe = published_recipe(config.model) or Recipe()
    told, dataset = config.model.num_classes, open_dataset(config.data, recipe)
    _check_order(recipe.classes, dataset.classes)
    return _tried(name, model, dataset, config.data, build, task, trained=trained, told=told)


def given_workload(
    model: nn.Module, dataset: Dataset, config: DataConfig, task: Task | None = None
) -> Workload:
    """The workload of a trained model and a dataset that are at hand.

    Args:
        model: trained; it is put into eval mode.
        dataset: with reward images, which no weights have seen.
        config: how the dataset is split.
        task: what the model is for; classification where not given.

    Raises:
        WorkloadError: there are no reward or test images, or model and images do not fit.
    """
    name, build = f"{type(model).__name__} on given data", partial(copy.deepcopy, model)
    task = task or Classification()
    return _tried(name, model.eval(), dataset, config, build, task, trained=True)


def check_forward(
    model: nn.Module,
    example_input: Inputs,
    targets: Targets,
    task: Task,
    classes: Sequence[str],
    told: int | None = None,
) -> None:
    """Run a model once and check that it does its task on these images.

    Args:
        model: in eval mode.
        example_input: (1, C, H, W) float32.
        targets: of that image.
        task: what the model is for.
        classes: names of the data's classes.
        told: ``workload.model.num_classes``, where it is set.

    Raises:
        WorkloadError: the forward pass fails, gives something else than the task's outputs, or
            gives NaN.
    """
    shape = f"1x{sizes_of(example_input)}"
    try:
        with torch.inference_mode():
            output = call(model, example_input)
    except Exception as error:  # a model's own code may raise anything
        msg = f"the model's forward fails on a {shape} image: {type(error).__name__}: {error}"
        raise WorkloadError(msg) from error
    count = len(classes)
    if (
        task.classes_named
        and isinstance(output, torch.Tensor)
        and output.ndim == 2
        and output.shape[1] != count
    ):
        mend = (
            f"set workload.model.num_classes: {count}"
            if told != count
            else f"workload.model.num_classes is {count} already, which the model's function "
            "does not heed"
        )
        msg = f"the model gives {output.shape[1]} outputs, but the data has {count} classes: {mend}"
        raise WorkloadError(msg)
    try:
        task.check(output, targets, classes)
        tensors = flattened_outputs(output)
    except FormError as error:
        msg = f"the model's forward: {error}"
        raise WorkloadError(msg) from error
    if not all(one.isfinite().all() for one in tensors.values()):
        msg = f"the model's forward gives NaN or infinite outputs on a {shape} image"
        raise WorkloadError(msg)


def _tried(
    name: str,
    model: nn.Module,
    dataset: Dataset,
    config: DataConfig,
    build: Callable[[], nn.Module],
    task: Task,
    *,
    trained: bool,
    told: int | None = None,
) -> Workload:
    """A model and its splits, after one forward pass."""
    splits = make_splits(dataset, config, trained=trained)
    example_input, targets = next(iter(splits.train.batches(1)))
    check_forward(model, example_input, targets, task, dataset.classes, told)
    task.prepare(splits.train)
    return Workload(
        name=name,
        model=model,
        trained=trained,
        class_names=dataset.classes,
        example_input=example_input,
        splits=splits,
        build=build,
        task=task,
    )


def _load_given_weights(model: nn.Module, config: ModelConfig) -> None:
    if config.weights is None:
        return
    if config.weights != "pretrained":
        load_weights(model, read_weights(config.weights), str(config.weights))
        return
    if (found := published(config)) is None:
        msg = (
            f"workload.model.weights is 'pretrained', but there are none for {config.name!r}; "
            "allowed: a file, or 'pretrained' with a model of torchvision, timm: or hf:"
        )
        raise WorkloadError(msg)
    library, name = found
    load_weights(model, library.pretrained_state(name), f"the pretrained {config.name}")


def _check_order(theirs: Sequence[str], ours: Sequence[str]) -> None:
    """Weights that know their classes by name must number them as the data does.

    Raises:
        WorkloadError: the same classes stand in another order: every score would be wrong.
    """
    if list(theirs) != list(ours) and sorted(theirs) == sorted(ours):
        row = next(row for row, name in enumerate(ours) if theirs[row] != name)
        msg = (
            f"the model's classes are those of the data in another order: class {row} is "
            f"{theirs[row]!r} in the model and {ours[row]!r} in the data"
        )
        raise WorkloadError(msg)

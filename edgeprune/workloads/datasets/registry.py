"""Datasets by name; a user's own function is called exactly like ours."""

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from edgeprune.config import DataConfig
from edgeprune.errors import WorkloadError, nearest
from edgeprune.plugins import provided
from edgeprune.workloads.datasets.cifar10 import cifar10
from edgeprune.workloads.datasets.coco import coco
from edgeprune.workloads.datasets.dataset import Dataset
from edgeprune.workloads.datasets.digit_pairs import digit_pairs
from edgeprune.workloads.datasets.digits import digits
from edgeprune.workloads.datasets.imagefolder import imagecsv, imagefolder
from edgeprune.workloads.datasets.imagemasks import imagemasks
from edgeprune.workloads.datasets.targetcsv import targetcsv
from edgeprune.workloads.datasets.torch_datasets import dataset_of_parts
from edgeprune.workloads.importing import call_accepted, import_function
from edgeprune.workloads.indexed_split import IndexedSplit
from edgeprune.workloads.recipe import Recipe
from edgeprune.workloads.split import Split

#: Entry points of other packages: functions that give a `Dataset`.
ENTRY_POINTS = "edgeprune.datasets"
_OURS: dict[str, Callable[..., Dataset]] = {
    "cifar10": cifar10,
    "coco": coco,
    "digit_pairs": digit_pairs,
    "digits": digits,
    "imagecsv": imagecsv,
    "imagefolder": imagefolder,
    "imagemasks": imagemasks,
    "targetcsv": targetcsv,
}
#: Settings a dataset function gets if its signature asks for them. Those that the user set and
#: it does not ask for are errors, except for the seed, which also seeds the splits.
_OFFERED = ("root", "download", "image_size", "mean", "std", "augment", "seed")


@cache
def datasets() -> Mapping[str, Callable[..., Dataset]]:
    """Datasets that have a name: ours, and those that installed packages bring.

    Raises:
        WorkloadError: a package's entry point cannot be loaded, or is no function.
    """
    return provided(ENTRY_POINTS, "a function", callable, WorkloadError) | _OURS


def open_dataset(config: DataConfig, recipe: Recipe | None = None) -> Dataset:
    """Open a dataset by its name or by ``module:function``.

    Args:
        config: names the dataset and holds its settings.
        recipe: how images were prepared for the model's weights; holds where `config` says
            nothing.

    Raises:
        WorkloadError: the name is unknown, a setting does not apply, the function gives
            neither a `Dataset` nor torch datasets, or its labels and classes do not agree.
    """
    function = (
        import_function(config.name, "workload.data.name")
        if ":" in config.name
        else _built_in(config.name)
    )
    offered = {key: getattr(config, key) for key in _OFFERED}
    defaults: dict[str, Any] = {
        "root": None,
        "download": False,
        "image_size": None,
        "mean": None,
        "std": None,
        "augment": True,
    }
    found = call_accepted(
        function,
        config.name,
        args=config.args,
        offered=offered | _published(config, recipe or Recipe()),
        required={
            key: f"workload.data.{key}" for key, value in defaults.items() if offered[key] != value
        },
        setting="workload.data",
    )
    return _checked(found, config.name)


def _published(config: DataConfig, recipe: Recipe) -> dict[str, Any]:
    """What a recipe settles, offered in place of a dataset's own defaults."""
    found: dict[str, Any] = {} if recipe.scaling is None else {"scaling": recipe.scaling}
    if config.image_size is None and recipe.image_size is not None:
        found["image_size"] = recipe.image_size
    if config.mean is None and config.std is None and recipe.normalisation is not None:
        found |= {"mean": recipe.normalisation.mean, "std": recipe.normalisation.std}
    return found


def _built_in(name: str) -> Callable[..., Dataset]:
    if name not in datasets():
        msg = (
            f"workload.data.name is {name!r}; allowed: {', '.join(sorted(datasets()))}, "
            f"or module:function{nearest(name, datasets())}"
        )
        raise WorkloadError(msg)
    return datasets()[name]


def _checked(given: Any, name: str) -> Dataset:
    found = given if isinstance(given, Dataset) else dataset_of_parts(given, name)
    for part in ("train", "test", "reward"):
        split = getattr(found, part)
        if split is None and part != "train":
            continue
        if not isinstance(split, Split):
            msg = (
                f"{name}: {part} is a {type(split).__name__}, which is no split; "
                "allowed: ArraySplit, FileSplit, or an object with name, __len__, batches, subset"
            )
            raise WorkloadError(msg)
        if isinstance(split, IndexedSplit) and split.labels.max() >= max(len(found.classes), 1):
            msg = (
                f"{name}: {part} has the label {split.labels.max()}; "
                f"allowed: 0 to {len(found.classes) - 1} ({len(found.classes)} classes)"
            )
            raise WorkloadError(msg)
    return found

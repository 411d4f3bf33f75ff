"""Models by name."""

from collections.abc import Callable, Mapping
from functools import cache, partial
from typing import Any

import torch
from torch import nn

from edgeprune.config import ModelConfig
from edgeprune.config.workload import HUGGING_FACE, TIMM
from edgeprune.errors import WorkloadError, nearest
from edgeprune.plugins import provided
from edgeprune.workloads.importing import call_accepted, import_function
from edgeprune.workloads.models import hugging_face, timm_models, torchvision_models
from edgeprune.workloads.models.cifar_resnet import DEPTHS, CifarResNet
from edgeprune.workloads.models.library import Library
from edgeprune.workloads.models.mobilenet_v1 import MobileNetV1
from edgeprune.workloads.models.torchvision_models import classifier_names
from edgeprune.workloads.recipe import Recipe

#: Entry points of other packages: functions that give a `torch.nn.Module`.
ENTRY_POINTS = "edgeprune.models"
_OURS: dict[str, Callable[..., nn.Module]] = {
    **{name: partial(CifarResNet, blocks) for name, blocks in DEPTHS.items()},
    "mobilenet_v1": MobileNetV1,
}
_PREFIXED: dict[str, Library] = {TIMM: timm_models, HUGGING_FACE: hugging_face}


@cache
def models() -> Mapping[str, Callable[..., nn.Module]]:
    """Architectures that have a name: ours, and those that installed packages bring.

    Raises:
        WorkloadError: a package's entry point cannot be loaded, or is no function.
    """
    return provided(ENTRY_POINTS, "a function", callable, WorkloadError) | _OURS


def build_model(config: ModelConfig, *, seed: int = 0) -> nn.Module:
    """Build a model with fresh random weights; `config.weights` is not looked at.

    Args:
        config: names the architecture. Where `num_classes` is not given the architecture's own
            default holds: 10 for the CIFAR models, 1000 for torchvision's.
        seed: of the weights; the global random state is left as it was.

    Returns:
        The model in eval mode.

    Raises:
        WorkloadError: the name is unknown, an argument does not apply, or a user's function
            fails or gives no module.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = _build(config)
    if not isinstance(model, nn.Module):
        msg = (
            f"workload.model.name: {config.name} gave a {type(model).__name__}; "
            "allowed: torch.nn.Module"
        )
        raise WorkloadError(msg)
    return model.eval()


def published(config: ModelConfig) -> tuple[Library, str] | None:
    """The library that has a model, and its name there; None for ours and a user's own."""
    for prefix, library in _PREFIXED.items():
        if config.name.startswith(prefix):
            return library, config.name.removeprefix(prefix)
    if config.name in models() or config.names_code:
        return None
    return torchvision_models, config.name


def published_recipe(config: ModelConfig) -> Recipe | None:
    """How images were prepared for a model's weights, where its library says so.

    A file of weights was trained by somebody else: of torchvision's models, whose recipes differ
    in little but the size, such a file is taken for one on the data's own images.

    Raises:
        WorkloadError: the library knows no such model, or has no weights of it.
    """
    found = published(config)
    if found is None or config.weights is None:
        return None
    library, name = found
    if library is torchvision_models and config.weights != "pretrained":
        return None
    return library.pretrained_recipe(name)


def _build(config: ModelConfig) -> Any:
    if config.shortcut != "A" and config.name not in DEPTHS:
        msg = (
            f"workload.model.shortcut is {config.shortcut!r}, but {config.name!r} has no such "
            f"choice; it is for {', '.join(DEPTHS)}"
        )
        raise WorkloadError(msg)
    if (found := published(config)) is not None:
        library, name = found
        if library is torchvision_models:
            _require_known(name)
        return library.build_classifier(name, config.num_classes, config.args)
    function = models().get(config.name) or import_function(config.name, "workload.model.name")
    offered: dict[str, Any] = {}
    if config.num_classes is not None:
        offered["num_classes"] = config.num_classes
    if config.name in DEPTHS:
        offered["shortcut"] = config.shortcut
    return call_accepted(
        function,
        config.name,
        args=config.args,
        offered=offered,
        required={},
        setting="workload.model",
    )


def _require_known(name: str) -> None:
    theirs = classifier_names()
    if name not in theirs:
        msg = (
            f"workload.model.name is {name!r}; allowed: {', '.join(models())}, any torchvision "
            f"classifier ({len(theirs)}, from {theirs[0]} to {theirs[-1]}), timm:NAME, hf:ID or "
            "hf:./FOLDER, or module:function"
            f"{nearest(name, [*models(), *theirs])}"
        )
        raise WorkloadError(msg)

"""Models by name."""

from collections.abc import Callable, Mapping
from functools import cache, partial
from typing import Any

import torch
from torch import nn

from edgeprune.config import ModelConfig
from edgeprune.errors import WorkloadError, nearest
from edgeprune.plugins import provided
from edgeprune.workloads.importing import call_accepted, import_function
from edgeprune.workloads.models.cifar_resnet import DEPTHS, CifarResNet
from edgeprune.workloads.models.mobilenet_v1 import MobileNetV1
from edgeprune.workloads.models.torchvision_models import build_classifier, classifier_names

#: Entry points of other packages: functions that give a `torch.nn.Module`.
ENTRY_POINTS = "edgeprune.models"
_OURS: dict[str, Callable[..., nn.Module]] = {
    **{name: partial(CifarResNet, blocks) for name, blocks in DEPTHS.items()},
    "mobilenet_v1": MobileNetV1,
}


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


def _build(config: ModelConfig) -> Any:
    if config.shortcut != "A" and config.name not in DEPTHS:
        msg = (
            f"workload.model.shortcut is {config.shortcut!r}, but {config.name!r} has no such "
            f"choice; it is for {', '.join(DEPTHS)}"
        )
        raise WorkloadError(msg)
    if config.name not in models() and ":" not in config.name:
        _require_known(config.name)
        return build_classifier(config.name, config.num_classes, dict(config.args))
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
            f"classifier ({len(theirs)}, from {theirs[0]} to {theirs[-1]}), or module:function"
            f"{nearest(name, [*models(), *theirs])}"
        )
        raise WorkloadError(msg)

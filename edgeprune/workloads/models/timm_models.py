"""Classifiers of timm, by name: ``timm:resnet18`` or, with published weights, ``.a1_in1k``."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from edgeprune.config.workload import TIMM
from edgeprune.errors import WorkloadError, nearest
from edgeprune.plugins import told
from edgeprune.workloads.decoding import Scaling
from edgeprune.workloads.models.library import require_hub, tensors_only
from edgeprune.workloads.normalisation import Normalisation
from edgeprune.workloads.recipe import Recipe

if TYPE_CHECKING:
    from types import ModuleType

#: Arguments of `timm.create_model` that settings have places for, or that would load files.
_NOT_OURS = {
    "cache_dir": "HF_HOME in the environment",
    "checkpoint_path": "workload.model.weights",
    "num_classes": "workload.model.num_classes",
    "pretrained": "workload.model.weights",
    "pretrained_cfg": "workload.model.name",
    "pretrained_cfg_overlay": "workload.data",
}
#: Of the weights' names that a message lists.
_SHOWN = 6


def build_classifier(name: str, num_classes: int | None, args: Mapping[str, Any]) -> nn.Module:
    """Build a classifier with random weights; see `Library`."""
    timm = _timm(name)
    _require_known(timm, name)
    for key in args:
        if key in _NOT_OURS:
            msg = f"workload.model.args.{key}: its place is {_NOT_OURS[key]}"
            raise WorkloadError(msg)
    given = dict(args) | ({} if num_classes is None else {"num_classes": num_classes})
    try:
        model: nn.Module = timm.create_model(name, pretrained=False, **given)
    except Exception as error:  # a model's own code may raise anything
        msg = f"workload.model.args {dict(args)} do not fit {TIMM}{name}: {told(error)}"
        raise WorkloadError(msg) from error
    return model


def pretrained_state(name: str) -> dict[str, torch.Tensor]:
    """The published weights; see `Library`."""
    timm = _timm(name)
    hub_id = getattr(_published(timm, name), "hf_hub_id", None)
    if hub_id and not _is_cached(hub_id):
        require_hub(hub_id, "workload.model.weights")
    try:
        with tensors_only():
            model: nn.Module = timm.create_model(name, pretrained=True)
    except Exception as error:  # of HTTP libraries, a hash that differs, a damaged file
        msg = (
            f"workload.model.weights: the pretrained weights of {TIMM}{name} cannot be fetched: "
            f"{told(error)}; check the network, or give a file"
        )
        raise WorkloadError(msg) from error
    return model.state_dict()


def pretrained_recipe(name: str) -> Recipe:
    """What timm's ``pretrained_cfg`` says; see `Library`."""
    timm = _timm(name)
    found = timm.data.resolve_data_config(pretrained_cfg=_published(timm, name).to_dict())
    _, height, width = found["input_size"]
    side = min(height, width)
    # As timm rounds.
    scaling = Scaling(side / int(side / found["crop_pct"]), _interpolation(found["interpolation"]))
    normalisation = Normalisation(tuple(found["mean"]), tuple(found["std"]))
    return Recipe(side, normalisation, scaling)


def _timm(name: str) -> "ModuleType":
    try:
        import timm
        import timm.data
    except ImportError as error:
        msg = (
            f"workload.model.name: {TIMM}{name} needs timm ({error}): pip install 'edgeprune[timm]'"
        )
        raise WorkloadError(msg) from error
    found: ModuleType = timm
    return found


def _require_known(timm: "ModuleType", name: str) -> None:
    architecture, _, tag = name.partition(".")
    known = timm.list_models()
    if architecture not in known:
        hint = nearest(TIMM + architecture, [TIMM + one for one in known])
        msg = (
            f"workload.model.name is {TIMM + name!r}; allowed: {TIMM} and one of timm "
            f"{timm.__version__}'s {len(known):,} models{hint}"
        )
        raise WorkloadError(msg)
    published = timm.list_pretrained(f"{architecture}.*")
    if tag and name not in published:
        shown = ", ".join(published[:_SHOWN]) + (", …" if len(published) > _SHOWN else "")
        msg = (
            f"workload.model.name is {TIMM + name!r}, but timm has no such weights of "
            f"{architecture}; allowed: {shown or 'none'}, or {architecture} alone"
            f"{nearest(name, published)}"
        )
        raise WorkloadError(msg)


def _published(timm: "ModuleType", name: str) -> Any:
    """What timm says of a model's weights, where there are any.

    Raises:
        WorkloadError: there are none.
    """
    _require_known(timm, name)
    found = timm.models.get_pretrained_cfg(name)
    if found is None or not found.has_weights:
        msg = (
            f"workload.model.weights is 'pretrained', but timm has none for {TIMM}{name}; "
            "allowed: a file, or null"
        )
        raise WorkloadError(msg)
    return found


def _is_cached(hub_id: str) -> bool:
    from huggingface_hub import try_to_load_from_cache

    names = ("model.safetensors", "pytorch_model.bin")
    return any(isinstance(try_to_load_from_cache(hub_id, one), str) for one in names)


def _interpolation(name: str) -> str:
    return "bilinear" if name == "random" else name

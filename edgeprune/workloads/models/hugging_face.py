"""Image classifiers of the Hugging Face hub, or of a folder of the same form.

A hub's files are fetched first (settings and safetensors alone, never code); from there on a hub's
model is a folder like any other.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from edgeprune.config.workload import HUGGING_FACE
from edgeprune.errors import WorkloadError, nearest
from edgeprune.plugins import told
from edgeprune.workloads.models.hub_folder import folder_of
from edgeprune.workloads.models.image_processor import read_recipe
from edgeprune.workloads.models.library import tensors_only
from edgeprune.workloads.recipe import Recipe

if TYPE_CHECKING:
    from types import ModuleType

_WHERE = "workload.model.name"


class _GivesLogits:
    """Mixed into a model of transformers: a batch of images to scores, and nothing around them.

    A wrapper around the model would give all parameters other names than its files have.
    """

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = super().forward(pixel_values=images).logits  # type: ignore[misc]
        return logits


def build_classifier(name: str, num_classes: int | None, args: Mapping[str, Any]) -> nn.Module:
    """Build a classifier with random weights; see `Library`."""
    transformers = _transformers(name)
    config = _config(transformers, name)
    _override(config, name, args)
    if num_classes is not None:
        config.num_labels = num_classes
    try:
        with tensors_only():
            model: nn.Module = transformers.AutoModelForImageClassification.from_config(
                config, trust_remote_code=False
            ).float()
    except Exception as error:  # a model's own code may raise anything
        msg = f"{_WHERE}: {HUGGING_FACE}{name} cannot be built: {told(error)[:500]}"
        raise WorkloadError(msg) from error
    kind = type(model)
    model.__class__ = type(kind.__name__, (_GivesLogits, kind), {})
    return model


def pretrained_state(name: str) -> dict[str, torch.Tensor]:
    """The weights beside the settings; see `Library`."""
    transformers = _transformers(name)
    folder = folder_of(name, weights=True)
    config = _config(transformers, name)
    try:
        with tensors_only():
            model, found = transformers.AutoModelForImageClassification.from_pretrained(
                folder,
                config=config,
                use_safetensors=True,
                trust_remote_code=False,
                local_files_only=True,
                output_loading_info=True,
            )
    except Exception as error:  # a damaged file, shapes that differ
        msg = f"workload.model.weights: those of {HUGGING_FACE}{name} do not load: {told(error)}"
        raise WorkloadError(msg) from error
    if missing := sorted(found["missing_keys"]):
        msg = (
            f"workload.model.weights: {HUGGING_FACE}{name} has none for {', '.join(missing[:4])}: "
            "it was not trained as a classifier"
        )
        raise WorkloadError(msg)
    return {key: value.float() if value.is_floating_point() else value
            for key, value in model.state_dict().items()}  # fmt: skip


def pretrained_recipe(name: str) -> Recipe:
    """What ``preprocessor_config.json`` says, and the classes' names; see `Library`."""
    config = _config(_transformers(name), name)
    labels = getattr(config, "id2label", None) or {}
    classes = tuple(str(labels[key]) for key in sorted(labels))
    return read_recipe(folder_of(name) / "preprocessor_config.json", classes)


def _transformers(name: str) -> "ModuleType":
    try:
        import transformers
    except ImportError as error:
        msg = (
            f"{_WHERE}: {HUGGING_FACE}{name} needs transformers ({error}): "
            "pip install 'edgeprune[hf]'"
        )
        raise WorkloadError(msg) from error
    transformers.utils.logging.disable_progress_bar()
    found: ModuleType = transformers
    return found


def _config(transformers: "ModuleType", name: str) -> Any:
    folder = folder_of(name)
    _refuse_others(folder / "config.json")
    try:
        config = transformers.AutoConfig.from_pretrained(
            folder, trust_remote_code=False, local_files_only=True
        )
    except Exception as error:  # what is wrong with the file may raise anything
        msg = f"{_WHERE}: {folder / 'config.json'} is no settings of a model: {told(error)[:500]}"
        raise WorkloadError(msg) from error
    if type(config) not in transformers.MODEL_FOR_IMAGE_CLASSIFICATION_MAPPING:
        msg = (
            f"{_WHERE}: {HUGGING_FACE}{name} is a {config.model_type!r}, for which transformers "
            "has no image classifier"
        )
        raise WorkloadError(msg)
    # Not what the file says: that can name code on a hub.
    config._attn_implementation = "eager"
    return config


def _refuse_others(path: Path) -> None:
    """What cannot be cut, or would need its own code.

    Raises:
        WorkloadError: the file is no JSON object, or names either.
    """
    try:
        said = json.loads(path.read_bytes())
        known = isinstance(said, dict)
    except (ValueError, RecursionError):
        known = False
    if not known:
        msg = f"{_WHERE}: {path} is no JSON object"
        raise WorkloadError(msg)
    if "auto_map" in said and not said.get("model_type"):
        msg = f"{_WHERE}: {path} names code of its own (auto_map), which is not run"
        raise WorkloadError(msg)
    if "quantization_config" in said:
        msg = f"{_WHERE}: {path} is a quantised model; allowed: float weights"
        raise WorkloadError(msg)


def _override(config: Any, name: str, args: Mapping[str, Any]) -> None:
    known = [key for key in config.to_dict() if not key.startswith("_")]
    for key, value in args.items():
        if key not in known:
            msg = f"workload.model.args.{key}: {HUGGING_FACE}{name} takes no {key!r}"
            raise WorkloadError(msg + nearest(key, known))
        setattr(config, key, value)

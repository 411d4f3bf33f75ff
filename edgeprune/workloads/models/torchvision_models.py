"""Classifiers of torchvision, by name."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from edgeprune.errors import WorkloadError
from edgeprune.workloads.decoding import Scaling
from edgeprune.workloads.normalisation import Normalisation
from edgeprune.workloads.recipe import Recipe

#: Both were trained with the Inception normalisation, which `transform_input` makes from
#: ImageNet's, and have auxiliary heads that turn the training output into a tuple.
_WITH_AUXILIARY_HEADS = {
    "googlenet": ("aux1.", "aux2."),
    "inception_v3": ("AuxLogits.",),
}
_THEIR_DEFAULTS = {"aux_logits": False, "transform_input": True, "init_weights": False}


def classifier_names() -> list[str]:
    """Names of all image classifiers that torchvision has."""
    import torchvision

    return list(torchvision.models.list_models(module=torchvision.models))


def build_classifier(name: str, num_classes: int | None, args: Mapping[str, Any]) -> nn.Module:
    """Build a classifier with random weights; see `Library`.

    Args:
        name: one of `classifier_names`.
        num_classes: outputs; torchvision's 1000 where not given.
        args: further arguments of the model.

    Raises:
        WorkloadError: the model does not take these arguments.
    """
    import torchvision

    defaults = _THEIR_DEFAULTS if name in _WITH_AUXILIARY_HEADS else {}
    given = defaults | dict(args) | ({} if num_classes is None else {"num_classes": num_classes})
    try:
        model: nn.Module = torchvision.models.get_model(name, weights=None, **given)
    except (TypeError, ValueError) as error:
        msg = f"workload.model.args {dict(args)} do not fit torchvision's {name}: {error}"
        raise WorkloadError(msg) from error
    return model


def pretrained_recipe(name: str) -> Recipe:
    """What torchvision's best weights are scored with; see `Library`."""
    import torchvision

    try:
        recipe = torchvision.models.get_model_weights(name).DEFAULT.transforms()
    except (ValueError, AttributeError) as error:
        msg = f"torchvision has no pretrained weights of {name!r}; allowed: a file, or none"
        raise WorkloadError(msg) from error
    size, resized = recipe.crop_size[0], recipe.resize_size[0]
    scaling = Scaling(size / resized, recipe.interpolation.value)
    return Recipe(size, Normalisation(tuple(recipe.mean), tuple(recipe.std)), scaling)


def pretrained_state(name: str) -> dict[str, torch.Tensor]:
    """The best weights that torchvision has for a classifier, fetched into torch's own cache.

    Raises:
        WorkloadError: there are none, or they cannot be fetched.
    """
    import torchvision

    try:
        weights = torchvision.models.get_model_weights(name).DEFAULT
        state: dict[str, torch.Tensor] = weights.get_state_dict(
            progress=False, check_hash=True, weights_only=True, map_location="cpu"
        )
    except Exception as error:  # urllib, OSError, a hash that differs, no weights at all
        msg = (
            f"workload.model.weights: the pretrained weights of {name} cannot be fetched: {error}; "
            "check the network, or give a file"
        )
        raise WorkloadError(msg) from error
    unused = _WITH_AUXILIARY_HEADS.get(name, ())
    return {key: value for key, value in state.items() if not key.startswith(unused)}

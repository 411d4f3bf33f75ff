"""What a library of published models must offer: torchvision, timm, Hugging Face."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Protocol

import torch
from torch import nn

from edgeprune.errors import WorkloadError
from edgeprune.workloads.recipe import Recipe

#: torch then loads tensors alone, whatever its caller asks for.
_TENSORS_ONLY = "TORCH_FORCE_WEIGHTS_ONLY_LOAD"
#: Seconds in which a hub has to answer at all.
_HUB_TIMEOUT_S = 10.0


class Library(Protocol):
    """A module with these functions."""

    def build_classifier(
        self, name: str, num_classes: int | None, args: Mapping[str, Any]
    ) -> nn.Module:
        """Build a classifier with random weights.

        Args:
            name: without the library's prefix.
            num_classes: outputs; the library's own where not given.
            args: further arguments of the model.

        Raises:
            WorkloadError: the name is unknown, or the model does not take these arguments.
        """

    def pretrained_state(self, name: str) -> dict[str, torch.Tensor]:
        """The published weights, fetched into the library's own cache.

        Raises:
            WorkloadError: there are none, or they cannot be fetched.
        """

    def pretrained_recipe(self, name: str) -> Recipe:
        """How images were prepared for the published weights.

        Raises:
            WorkloadError: there are none.
        """


@contextmanager
def tensors_only() -> Iterator[None]:
    """Other packages' checkpoints are read without running what is in them.

    Older releases of those packages ask torch for whole pickles.
    """
    before = os.environ.get(_TENSORS_ONLY)
    os.environ[_TENSORS_ONLY] = "1"
    try:
        yield
    finally:
        if before is None:
            del os.environ[_TENSORS_ONLY]
        else:
            os.environ[_TENSORS_ONLY] = before


def require_hub(model_id: str, setting: str) -> None:
    """Ask the Hugging Face hub once for a model, before anything that tries again for minutes.

    Args:
        model_id: ``owner/name``.
        setting: what named it, for the message.

    Raises:
        WorkloadError: it does not answer, or knows no such model.
    """
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HfHubHTTPError

    try:
        HfApi().model_info(model_id, timeout=_HUB_TIMEOUT_S)
    except HfHubHTTPError as error:
        msg = f"{setting}: the hub gives no model {model_id!r}: {str(error).splitlines()[0]}"
        raise WorkloadError(msg) from error
    except Exception as error:  # of one of several HTTP libraries, or offline mode
        msg = (
            f"{setting}: {model_id} is not in the cache and the hub cannot be reached: "
            f"{type(error).__name__}: {error}; check the network, or give a file or folder"
        )
        raise WorkloadError(msg) from error

"""The exponential moving average of a model's weights."""

from collections.abc import Mapping

import torch
from torch import nn

from edgeprune.errors import UserError


class Average:
    """A moving average of everything in a model that is a float: weights and norms' statistics.

    The first steps count more than the decay says (``(1 + n) / (10 + n)`` where that is less), so
    that a short training is not an average of mostly its beginning.
    """

    def __init__(self, model: nn.Module, decay: float) -> None:
        """Start at the model's weights as they are.

        Args:
            model: left alone.
            decay: what stays of the average in a step, above 0 and below 1.

        Raises:
            UserError: the decay is something else.
        """
        if not 0 < decay < 1:
            msg = f"the average's decay is {decay}; allowed: above 0 and below 1"
            raise UserError(msg)
        self._decay, self._steps = decay, 0
        self._values = {name: value.clone() for name, value in _floats(model).items()}

    def update(self, model: nn.Module) -> None:
        """Take in the model's weights after a step."""
        self._steps += 1
        kept = min(self._decay, (1 + self._steps) / (10 + self._steps))
        for name, value in _floats(model).items():
            self._values[name].lerp_(value, 1 - kept)

    def to(self, device: str) -> None:
        """Move to the device that the model is on."""
        self._values = {name: value.to(device) for name, value in self._values.items()}

    def put_into(self, model: nn.Module) -> None:
        """Give a model the averaged weights; what is no float stays."""
        with torch.no_grad():
            for name, value in _floats(model).items():
                value.copy_(self._values[name])

    def state_dict(self) -> dict[str, object]:
        """For a checkpoint."""
        return {"steps": self._steps, "values": self._values}

    def load_state_dict(self, state: Mapping[str, object]) -> None:
        """Go on from a checkpoint.

        Raises:
            ValueError: it is of another model.
        """
        steps, values = state["steps"], state["values"]
        if not isinstance(steps, int) or not isinstance(values, dict):
            msg = "its average has another form"
            raise ValueError(msg)
        shapes = {name: value.shape for name, value in self._values.items()}
        if {name: value.shape for name, value in values.items()} != shapes:
            msg = "its average has other weights"
            raise ValueError(msg)
        self._steps, self._values = steps, values


def _floats(model: nn.Module) -> dict[str, torch.Tensor]:
    """All float tensors of a model's state; a change of them changes the model."""
    return {name: value for name, value in model.state_dict().items() if value.is_floating_point()}

"""Which layers can make up for cut input channels, and which of them see the same input."""

from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import nn

from edgeprune.evaluation.patches import Convolution, Mixer, columns_of, geometry
from edgeprune.tensors import Inputs, call

_KINDS = (nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.Linear)
_FORWARDS = frozenset(kind.forward for kind in _KINDS)
_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)


@dataclass(frozen=True)
class Consumer:
    """A layer whose every output is a weighted sum over all its input channels.

    Attributes:
        name: the module's name in the model.
        source: the first layer in forward order that reads the same tensor with the same
            geometry; layers of one source share their statistics.
        columns: length of one input patch, ``in_channels * kernel area`` (float32 each).
        normalised: the output goes straight into a batch normalisation, and nowhere else first.
    """

    name: str
    source: str
    columns: int
    normalised: bool


def find_consumers(model: nn.Module, images: Inputs) -> dict[str, Consumer]:
    """Find the layers that least squares can be used on, by running the model once.

    Left out are grouped (so also depthwise) convolutions, layers that run more than once per
    forward pass: their inputs have no single distribution; and layers that compute their weights
    anew from those they have (weight normalisation, weight standardisation).

    Args:
        model: the original model, in eval mode.
        images: what the model is given; one example is enough.

    Returns:
        Consumers by module name, in forward order.
    """
    names = {module: name for name, module in model.named_modules()}
    trace = _Trace(names)
    layers = [
        module
        for module in names
        if isinstance(module, nn.Linear) or (isinstance(module, Convolution) and module.groups == 1)
    ]
    norms = [module for module in names if isinstance(module, _NORMS)]
    hooks = [layer.register_forward_hook(trace.layer) for layer in layers]
    hooks += [norm.register_forward_pre_hook(trace.norm) for norm in norms]
    try:
        # Not inference_mode: only tracked tensors count their in-place changes.
        with torch.no_grad():
            call(model, images)
    finally:
        for hook in hooks:
            hook.remove()
    return trace.consumers()


class _Trace:
    """What went into and came out of the layers during one forward pass."""

    def __init__(self, names: dict[nn.Module, str]) -> None:
        self._names = names
        self._calls: dict[str, int] = {}
        self._first: dict[tuple[Any, ...], str] = {}
        self._found: dict[str, tuple[Consumer, tuple[int, int]]] = {}
        self._normalised: set[tuple[int, int]] = set()
        # Tensors stay alive, or a later one could get an earlier one's id.
        self._alive: list[torch.Tensor] = []

    def layer(self, module: Mixer, inputs: tuple[torch.Tensor, ...], output: torch.Tensor) -> None:
        name, tensor = self._names[module], inputs[0]
        self._alive += [tensor, output]
        self._calls[name] = self._calls.get(name, 0) + 1
        if self._calls[name] > 1 or not _by_its_weights(module, tensor, output):
            return
        source = self._first.setdefault((*_identity(tensor), *geometry(module)), name)
        self._found[name] = Consumer(name, source, columns_of(module), False), _identity(output)

    def norm(self, module: nn.Module, inputs: tuple[torch.Tensor, ...]) -> None:
        self._alive.append(inputs[0])
        self._normalised.add(_identity(inputs[0]))

    def consumers(self) -> dict[str, Consumer]:
        return {
            name: replace(found, normalised=output in self._normalised)
            for name, (found, output) in self._found.items()
            if self._calls[name] == 1 and self._calls[found.source] == 1
        }


def _by_its_weights(module: Mixer, tensor: torch.Tensor, output: torch.Tensor) -> bool:
    """Whether a layer makes what its weights say; one with a border of its own counts, too."""
    if "weight" not in dict(module.named_parameters(recurse=False)):
        return False
    if type(module).forward in _FORWARDS:
        return True
    forward: Any = next(kind.forward for kind in _KINDS if isinstance(module, kind))
    plain: torch.Tensor = forward(module, tensor)
    return plain.shape != output.shape or torch.allclose(plain, output, rtol=1e-3, atol=1e-5)


def _identity(tensor: torch.Tensor) -> tuple[int, int]:
    return id(tensor), tensor._version

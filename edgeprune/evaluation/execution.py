"""How forward passes run fast on this CPU, decided by what it is and never by a stopwatch.

A timed choice would make a resumed run round differently from an uninterrupted one.
"""

from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Self, TypeVar, cast

import torch
from torch import nn

from edgeprune.tensors import Inputs, call, flattened_inputs, map_inputs

_Given = TypeVar("_Given", bound=Inputs)


@dataclass(frozen=True)
class Execution:
    """Memory layout and precision of forward passes.

    Attributes:
        channels_last: images are given in channels-last layout, which convolutions on CPUs like
            better (ResNet-56, one thread: 3.3 s instead of 3.9 s for 2,000 images).
        bfloat16: convolutions and linear layers compute in bfloat16 where `autocast` is used.
    """

    channels_last: bool = False
    bfloat16: bool = False

    @classmethod
    def for_model(cls, model: nn.Module, images: Inputs) -> Self:
        """What suits a model; a forward that reshapes with ``view`` may refuse channels-last.

        Args:
            model: in eval mode; left untouched.
            images: what the model is given; one example is enough.
        """
        if not any(one.ndim == 4 for one in flattened_inputs(images).values()):
            return cls(False, has_bfloat16())
        try:
            with torch.inference_mode():
                call(model, cls(True).place(images))
        except RuntimeError:
            return cls(False, has_bfloat16())
        return cls(True, has_bfloat16())

    def place(self, images: _Given) -> _Given:
        """The images in the right layout; what has another rank stays as it is.

        The model's own weights keep theirs: a convolution follows its input, and contiguous
        weights can be saved as they are.
        """
        return cast(_Given, map_inputs(images, self._placed))

    def _placed(self, images: torch.Tensor) -> torch.Tensor:
        if self.channels_last and images.dim() == 4:
            return images.contiguous(memory_format=torch.channels_last)
        return images

    def autocast(self) -> AbstractContextManager[object]:
        """Reduced precision where it is exact enough and the CPU has it; else nothing."""
        return torch.autocast("cpu", torch.bfloat16, enabled=self.bfloat16)


def has_bfloat16() -> bool:
    """Whether this CPU multiplies bfloat16 in hardware; emulation is slower than float32."""
    capabilities: dict[str, object] = getattr(torch.cpu, "get_capabilities", dict)()
    return any("bf16" in name and value is True for name, value in capabilities.items())


def flush_denormals() -> None:
    """Treat denormal numbers as zero on this thread, and on threads it starts, from now on.

    Trained and pruned networks are full of them and they are up to 100 times slower to compute
    with. It is never switched off again: torch cannot tell how it was set before.
    """
    torch.set_flush_denormal(True)

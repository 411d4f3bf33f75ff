"""How training steps are computed, and choosing it on a CPU by a short timed trial."""

import copy
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass

import torch
from torch import nn

from edgeprune.errors import UserError, nearest
from edgeprune.evaluation.execution import has_bfloat16
from edgeprune.tensors import Inputs, map_inputs

#: Runs one training step of a model in a mode.
Step = Callable[[nn.Module, "Mode"], None]

#: Timed steps per mode, after one that is not timed.
_STEPS = 2
#: A mode has to be this much faster than the one before it to be worth its rounding.
_WORTH = 0.9
#: Input channels of a strided 1x1 convolution below which channels-last layout is not safe.
_FEWEST_CHANNELS = 8


@dataclass(frozen=True)
class Mode:
    """Memory layout and precision of training steps.

    Attributes:
        name: what a checkpoint and `fit`'s `mode` argument call it.
        channels_last: whether images come in channels-last layout.
        bfloat16: whether convolutions and linear layers compute in bfloat16; weights, gradients
            and the optimiser stay in float32.
        device: torch's name of where they are computed.
    """

    name: str
    channels_last: bool
    bfloat16: bool
    device: str = "cpu"

    def place(self, images: Inputs) -> Inputs:
        """The images on this mode's device, in its layout; what has another rank is contiguous."""
        return map_inputs(images, self._placed)

    def _placed(self, images: torch.Tensor) -> torch.Tensor:
        last = self.channels_last and images.dim() == 4
        layout = torch.channels_last if last else torch.contiguous_format
        return images.to(self.device).contiguous(memory_format=layout)

    def autocast(self) -> AbstractContextManager[object]:
        """This mode's precision for forward passes."""
        return torch.autocast(self.device, torch.bfloat16, enabled=self.bfloat16)


#: The modes of a CPU by name, the most exact first.
CPU_MODES = {
    mode.name: mode
    for mode in (
        Mode("float32", False, False),
        Mode("float32-channels-last", True, False),
        Mode("bfloat16-channels-last", True, True),
    )
}

#: All modes by name. The one of a GPU is never chosen by a trial: it has to be asked for.
MODES = {**CPU_MODES, "cuda": Mode("cuda", True, True, "cuda")}


def mode_named(name: str) -> Mode:
    """The mode of that name.

    Raises:
        UserError: there is none, or it needs a GPU that torch does not see.
    """
    if name not in MODES:
        msg = f"unknown training mode {name!r}; allowed: {', '.join(MODES)}{nearest(name, MODES)}"
        raise UserError(msg)
    if name == "cuda" and not torch.cuda.is_available():
        msg = (
            "training on cuda was asked for, but torch sees no CUDA device here "
            f"(torch {torch.__version__}); use --device cpu, or install a CUDA build of torch"
        )
        raise UserError(msg)
    return MODES[name]


def _runs_in(mode: Mode, model: nn.Module) -> bool:
    """Whether a mode is worth a trial, and does not end the process.

    oneDNN's backward pass of a strided 1x1 convolution with fewer than eight input channels writes
    past its memory in channels-last layout (torch 2.13): such a shortcut is common once cut.
    """
    if mode.bfloat16 and not has_bfloat16():
        return False  # emulated: ten times slower
    return not mode.channels_last or not any(
        isinstance(one, nn.Conv2d)
        and one.kernel_size == (1, 1)
        and max(one.stride) > 1
        and one.in_channels < _FEWEST_CHANNELS
        for one in model.modules()
    )


def fastest_mode(model: nn.Module, step: Step) -> Mode:
    """Time a few steps in every mode, on copies of the model.

    The modes take turns, and the best time of each counts: other work on the machine then
    hits all of them alike. A mode that the model cannot be run in is left out.

    Args:
        model: left untouched.
        step: does one training step.

    Returns:
        The fastest mode; a more exact one where the gain is below a tenth.
    """
    copies = {mode: copy.deepcopy(model) for mode in CPU_MODES.values() if _runs_in(mode, model)}
    seconds: dict[Mode, float] = {}
    for turn in range(_STEPS + 1):
        for mode, trial in list(copies.items()):
            start = time.perf_counter()
            try:
                step(trial, mode)
            except RuntimeError:
                if mode.name == "float32":
                    raise
                # For one, a forward that uses `view` refuses the channels-last layout.
                del copies[mode]
                seconds.pop(mode, None)
                continue
            if turn:
                took = time.perf_counter() - start
                seconds[mode] = min(took, seconds.get(mode, took))
    best, *others = seconds
    for mode in others:
        if seconds[mode] < _WORTH * seconds[best]:
            best = mode
    return best

"""In which number format and memory layout a CPU trains a model fastest: found by trying."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Literal, TypeAlias

import torch
from torch import nn

Mode: TypeAlias = Literal["float32", "bfloat16"]

#: Steps tried in each mode; the first one warms up.
_STEPS = 3


def choose_mode(step: Callable[[Mode], None]) -> Mode:
    """The quicker of float32 and bfloat16 autocast with channels-last memory.

    Args:
        step: one training step in a mode, on a copy that is thrown away.
    """
    if not torch.cpu._is_avx512_supported():
        return "float32"  # without the instructions bfloat16 is emulated
    seconds = {mode: _time(step, mode) for mode in _MODES}
    return min(seconds, key=lambda mode: seconds[mode])


_MODES: tuple[Mode, ...] = ("float32", "bfloat16")


def _time(step: Callable[[Mode], None], mode: Mode) -> float:
    times = []
    for _ in range(_STEPS):
        start = time.perf_counter()
        step(mode)
        times.append(time.perf_counter() - start)
    return min(times[1:])


@contextmanager
def in_mode(mode: Mode) -> Iterator[None]:
    """Run forward passes in a mode."""
    with torch.autocast("cpu", torch.bfloat16, enabled=mode == "bfloat16"):
        yield


def memory_format(mode: Mode) -> torch.memory_format:
    """The layout that goes with a mode."""
    return torch.channels_last if mode == "bfloat16" else torch.contiguous_format


def lay_out(model: nn.Module, mode: Mode) -> None:
    """Put a model's weights into the layout of a mode, in place."""
    model.to(memory_format=memory_format(mode))  # type: ignore[call-overload]

"""What a plan changes in a torch model beside its weights: removed modules, narrowed outputs."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import torch
from pydantic import Field
from torch import nn

#: Channels that no layer has.
_MOST = 1 << 20


@dataclass(frozen=True)
class Edit:
    """One change; plain data, so that a plan stays plain JSON.

    Attributes:
        name: of the module, of the parameter to drop or of the attribute.
        kind: ``pass``: the module goes, and what it is given is passed on; ``zeros``: it goes, and
            zeros of its output's size are made in its place; ``drop``: a parameter goes, a zero
            stands for it; ``narrow``: the module stays, and only some of its output's channels;
            ``number``: an attribute of a module gets another number.
        channels: of the zeros, or how many channels stay; None: as many as come in.
        stride: of the zeros: input over output, in height and width.
        start: the first channel that stays.
        numbers: what an attribute is set to; more than one where it is a list or tuple.
    """

    name: str
    kind: Literal["pass", "zeros", "drop", "narrow", "number"]
    channels: Annotated[int, Field(ge=0, le=_MOST)] | None = None
    stride: Annotated[int, Field(ge=1, le=_MOST)] = 1
    start: Annotated[int, Field(ge=0, le=_MOST)] = 0
    numbers: tuple[Annotated[int, Field(ge=0, le=_MOST)], ...] = ()

    @property
    def removes(self) -> bool:
        """Whether weights go with it."""
        return self.kind not in ("narrow", "number")


class Zeros(nn.Module):
    """Stands where a removed branch ended: nothing is added to the shortcut.

    Args:
        channels: of the output; None: as many as come in.
        stride: input over output, in height and width.
    """

    def __init__(self, channels: int | None, stride: int) -> None:
        super().__init__()
        self.channels, self.stride = channels, stride

    def forward(self, features: torch.Tensor, *_: Any, **__: Any) -> torch.Tensor:
        """(N, C, ...) to zeros (N, channels, ...)."""
        if self.channels is None and self.stride == 1:
            return torch.zeros_like(features)
        channels = features.shape[1] if self.channels is None else self.channels
        sizes = [-(-size // self.stride) for size in features.shape[2:]]
        return features.new_zeros((features.shape[0], channels, *sizes))

    def extra_repr(self) -> str:
        """For `repr`."""
        return f"channels={self.channels}, stride={self.stride}"


class Pass(nn.Module):
    """Stands where a module inside a removed branch was."""

    def forward(self, features: torch.Tensor, *_: Any, **__: Any) -> torch.Tensor:
        """What comes first, as it is; a copy, since code may go on with it in place."""
        return features.clone()


class Narrow(nn.Module):
    """A module of which only some neighbouring output channels stay.

    A shortcut that adds channels by a number in its code adds all of them also when it reads
    fewer; those that were cut are taken off again.

    Args:
        inner: the module as it was.
        start: first output channel that stays.
        channels: how many stay.
    """

    def __init__(self, inner: nn.Module, start: int, channels: int) -> None:
        super().__init__()
        self.inner, self.start, self.channels = inner, start, channels

    def forward(self, *inputs: Any, **named: Any) -> torch.Tensor:
        """(N, C, ...) to (N, channels, ...)."""
        features: torch.Tensor = self.inner(*inputs, **named)
        return features.narrow(1, self.start, self.channels)

    def extra_repr(self) -> str:
        """For `repr`."""
        return f"start={self.start}, channels={self.channels}"


def removed_by(edits: Iterable[Edit]) -> Callable[[str], bool]:
    """Which parameters and buffers go, by their state-dict names."""
    gone = frozenset(edit.name for edit in edits if edit.removes)
    if not gone:
        return lambda name: False

    def removed(name: str) -> bool:
        while name:
            if name in gone:
                return True
            name = name.rpartition(".")[0]
        return False

    return removed


def replacements(model: nn.Module, edits: Sequence[Edit]) -> dict[int, nn.Module]:
    """What stands for the removed modules, by the id of each in `model`."""
    made: dict[int, nn.Module] = {}
    for edit in edits:
        if edit.kind in ("pass", "zeros"):
            new = Pass() if edit.kind == "pass" else Zeros(edit.channels, edit.stride)
            made[id(model.get_submodule(edit.name))] = new.train(model.training)
    return made


def finish_edits(pruned: nn.Module, edits: Sequence[Edit]) -> None:
    """Drop parameters, set attributes and narrow modules of a pruned model, in place."""
    for edit in edits:
        owner, _, own = edit.name.rpartition(".")
        if edit.kind == "drop":
            module = pruned.get_submodule(owner)
            dropped = getattr(module, own)
            delattr(module, own)
            module.register_buffer(own, dropped.detach().new_zeros(()), persistent=False)
        elif edit.kind == "number":
            _set_numbers(pruned.get_submodule(owner), own, edit.numbers)
        elif edit.kind == "narrow":
            inner = pruned.get_submodule(edit.name)
            narrowed = Narrow(inner, edit.start, edit.channels or 0)
            pruned.set_submodule(edit.name, narrowed.train(inner.training))


def _set_numbers(module: nn.Module, own: str, numbers: tuple[int, ...]) -> None:
    """Give an attribute that holds whole numbers others; a plan may be anybody's."""
    before = vars(module).get(own)
    if type(before) is int and len(numbers) == 1:
        setattr(module, own, numbers[0])
    elif isinstance(before, list | tuple) and len(before) == len(numbers):
        setattr(module, own, type(before)(numbers))
    else:
        msg = f"{own!r} of {type(module).__name__} holds {before!r}, not {len(numbers)} numbers"
        raise ValueError(msg)

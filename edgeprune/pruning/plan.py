"""A plan: which channels of a model stay. It prunes the model without looking at it again."""

import copy
import hashlib
import json
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias, TypeVar

import numpy as np
import torch
from pydantic import AfterValidator, BaseModel, Field
from torch import nn

from edgeprune.errors import SpaceError
from edgeprune.files import write_json
from edgeprune.pruning.edits import Edit, finish_edits, removed_by, replacements
from edgeprune.pruning.resizing import resize

Widths: TypeAlias = dict[str, int]
#: Kept positions by parameter name and axis; axes that keep everything are left out.
Slices: TypeAlias = dict[str, dict[int, tuple[int, ...]]]

#: What a plan that somebody changed can make of cutting a model.
_UNFIT = (IndexError, AttributeError, ValueError, TypeError, OverflowError, RuntimeError)

#: Of these an empty one is copied by making a new one.
_CONTAINERS = frozenset({dict, set, list, OrderedDict})
#: Channels or a position; no tensor has more.
_Count: TypeAlias = Annotated[int, Field(ge=0, lt=2**31)]
_Written = TypeVar("_Written", bound=BaseModel)


@dataclass(frozen=True)
class Plan:
    """Widths, and which channels they keep.

    Attributes:
        widths: kept channels of every free group.
        kept: kept units of every free group, ascending; a unit is one channel unless the group
            says otherwise.
        slices: kept positions of every parameter and buffer that is cut, by axis.
        edits: what changes in the torch model beside its weights.
        full: channels of every free group in the base model.
        fingerprint: of the base architecture, see `fingerprint`.
        criterion: the importance that chose the channels.

    Examples:
        >>> import torch
        >>> from torch import nn
        >>> from edgeprune import ChannelSpace
        >>> head = [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(16, 10)]
        >>> model = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Conv2d(8, 16, 3), *head)
        >>> space = ChannelSpace.from_model(model, torch.zeros(1, 3, 16, 16))
        >>> plan = space.plan({"0": 4, "2": 8}, importance="l1")
        >>> plan.save("plan.json")
        >>> smaller = Plan.load("plan.json").apply(model)
        >>> smaller[2]
        Conv2d(4, 8, kernel_size=(3, 3), stride=(1, 1))
        >>> smaller(torch.zeros(1, 3, 16, 16)).shape
        torch.Size([1, 10])
    """

    widths: Widths
    kept: dict[str, tuple[int, ...]]
    slices: Slices
    full: Widths
    fingerprint: str
    criterion: str
    edits: tuple[Edit, ...] = ()

    @property
    def whole(self) -> bool:
        """Whether nothing is cut."""
        return not self.slices and not self.edits

    def apply(self, model: nn.Module) -> nn.Module:
        """Make the pruned model.

        Args:
            model: of the base architecture, with any weights; left untouched.

        Returns:
            A new, physically smaller model; no more than its own weights are copied.

        Raises:
            SpaceError: the model has another architecture than the plan was made for, or the plan
                cuts what the model does not have.
        """
        self.check(model)
        try:
            return self._applied(model)
        except _UNFIT as error:
            msg = f"the plan does not fit the model that it names: {error}"
            raise SpaceError(msg) from error

    def _applied(self, model: nn.Module) -> nn.Module:
        memo: dict[int, Any] = _empty_copies(model) | replacements(model, self.edits)
        removed = removed_by(self.edits)
        cutter = Cutter(self.slices)
        for name, tensor in _tensors(model):
            if id(tensor) not in memo and not removed(name):
                memo[id(tensor)] = _replacement(tensor, cutter.cut(name, tensor))
        # deepcopy takes what the memo holds, so the full weights are never copied.
        pruned = copy.deepcopy(model, memo)
        for name, module in pruned.named_modules():
            prefix = f"{name}." if name else ""
            if any(
                f"{prefix}{own}" in self.slices for own in (*module._parameters, *module._buffers)
            ):
                resize(module)
        finish_edits(pruned, self.edits)
        return pruned

    def cut(self, state: Mapping[str, torch.Tensor]) -> "SlicedState":
        """The base model's weights and buffers as the plan cuts them, each when asked for."""
        return SlicedState(state, self)

    def hold(self, model: nn.Module) -> None:
        """Nothing: channels that are gone cannot come back."""

    def check(self, model: nn.Module) -> None:
        """Check that a model is of the architecture this plan was made for.

        Raises:
            SpaceError: it is not.
        """
        found = fingerprint(model)
        if found != self.fingerprint:
            msg = (
                f"the plan was made for another architecture: fingerprint "
                f"{self.fingerprint[:12]}…, this model has {found[:12]}… (the same network, number "
                f"of classes and shortcut type?)"
            )
            raise SpaceError(msg)

    def save(self, path: str | Path) -> None:
        """Write the plan as JSON, atomically."""
        write_json(Path(path), PlanFile(format=2, **vars(self)).model_dump(mode="json"))

    @classmethod
    def load(cls, path: str | Path) -> "Plan":
        """Read a plan that `save` wrote.

        Raises:
            SpaceError: there is no such file or it is no plan.
        """
        written = read_plan(path, PlanFile, "edgeprune plan")
        return cls(**{name: value for name, value in written if name != "format"})


def _each_once(positions: tuple[int, ...]) -> tuple[int, ...]:
    """A cut tensor is never larger than the whole one."""
    if len(set(positions)) != len(positions):
        msg = "a position is kept twice"
        raise ValueError(msg)
    return positions


class PlanFile(BaseModel):
    """What a `Plan` is on disk; its first format knew no edits."""

    format: Literal[1, 2]
    widths: dict[str, _Count]
    kept: dict[str, tuple[_Count, ...]]
    slices: dict[str, dict[int, Annotated[tuple[_Count, ...], AfterValidator(_each_once)]]]
    full: dict[str, _Count]
    fingerprint: str
    criterion: str
    edits: tuple[Edit, ...] = ()


def read_plan(path: str | Path, kind: type[_Written], what: str) -> _Written:
    """Read the file of a plan.

    Args:
        path: the file.
        kind: of plan.
        what: it should be, for errors.

    Raises:
        SpaceError: there is no such file, or it is none.
    """
    try:
        return kind.model_validate_json(Path(path).read_bytes())
    except OSError as error:
        msg = f"the plan {path} cannot be read: {error.strerror}"
        raise SpaceError(msg) from error
    except ValueError as error:
        msg = f"{path} is no {what}: {error}"
        raise SpaceError(msg) from error


def fingerprint(model: nn.Module) -> str:
    """SHA-256 of the names, shapes and types of a model's weights and buffers, hexadecimal."""
    listed = [(name, list(one.shape), str(one.dtype)) for name, one in sorted(_named(model))]
    return hashlib.sha256(json.dumps(listed).encode()).hexdigest()


class Cutter:
    """Cuts tensors by a plan's slices.

    Args:
        slices: of the plan. Most of its tuples of positions are one object used many times (a
            convolution, its bias and its normalisation are cut alike): each is converted once.
    """

    def __init__(self, slices: Slices) -> None:
        self._slices = slices
        self._indices: dict[int, torch.Tensor] = {}

    def cut(self, name: str, tensor: torch.Tensor) -> torch.Tensor:
        """The kept positions of a tensor: a new one, or itself where everything is kept."""
        tensor = tensor.detach()
        for axis, kept in sorted(self._slices.get(name, {}).items()):
            index = self._indices.get(id(kept))
            if index is None:
                index = torch.from_numpy(np.fromiter(kept, np.int64, len(kept)))
                self._indices[id(kept)] = index
            tensor = tensor.index_select(axis, index.to(tensor.device))
        return tensor


class SlicedState(Mapping[str, torch.Tensor]):
    """Weights and buffers as a plan cuts them, each cut anew when it is asked for.

    So a candidate never exists beside its file: no more than one layer of it at a time.
    Tensors that are not cut share the memory of the uncut ones; those of removed branches are not
    there.

    Args:
        state: uncut tensors by state-dict name.
        plan: what is cut and removed.
    """

    def __init__(self, state: Mapping[str, torch.Tensor], plan: Plan) -> None:
        removed = removed_by(plan.edits)
        self._state = {name: one for name, one in state.items() if not removed(name)}
        self._slices, self.widths = plan.slices, plan.widths
        self._cutter = Cutter(plan.slices)

    def shape(self, name: str) -> tuple[int, ...]:
        """Shape of a tensor after the cut, without cutting it."""
        sizes = list(self._state[name].shape)
        for axis, kept in self._slices.get(name, {}).items():
            sizes[axis] = len(kept)
        return tuple(sizes)

    def __getitem__(self, name: str) -> torch.Tensor:
        return self._cutter.cut(name, self._state[name])

    def __contains__(self, name: object) -> bool:
        return name in self._state  # Mapping's own asks for the tensor, which would be cut

    def __iter__(self) -> Iterator[str]:
        return iter(self._state)

    def __len__(self) -> int:
        return len(self._state)


def _replacement(tensor: torch.Tensor, cut: torch.Tensor) -> torch.Tensor:
    """A cut tensor of the same kind, with memory of its own."""
    if cut.data_ptr() == tensor.data_ptr():
        cut = cut.clone()
    if isinstance(tensor, nn.Parameter):
        return nn.Parameter(cut, requires_grad=tensor.requires_grad)
    return cut


def _empty_copies(model: nn.Module) -> dict[int, Any]:
    """What stands for the empty containers of a model's modules, by the id of each.

    A module has a dozen, mostly for hooks that nobody has registered: half the time of a copy.
    """
    return {
        id(one): type(one)()
        for module in model.modules()
        for one in vars(module).values()
        if type(one) in _CONTAINERS and not one
    }


def _named(model: nn.Module) -> list[tuple[str, torch.Tensor]]:
    return [(name, one) for name, one in model.state_dict(keep_vars=True).items()]


def _tensors(model: nn.Module) -> list[tuple[str, torch.Tensor]]:
    """Parameters and buffers, also those that a state dict leaves out, tied ones by each name."""
    return [
        *model.named_parameters(remove_duplicate=False),
        *model.named_buffers(remove_duplicate=False),
    ]

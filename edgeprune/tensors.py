"""What a model is given and what it gives back, of any form, as tensors in a row with names.

A model may take one tensor, several or some by name, and give back one tensor or lists, tuples,
dicts and dataclasses of them, inside each other. Files have rows of named tensors: this is the
one place that turns one into the other.
"""

import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

import torch

from edgeprune.errors import FormError

#: One tensor, several in the order of the model's arguments, or some by the arguments' names.
Inputs: TypeAlias = torch.Tensor | Sequence[torch.Tensor] | Mapping[str, torch.Tensor]

#: Names of a model's only input and only output.
INPUT, OUTPUT = "input", "output"
#: Forms inside forms go no deeper; deeper ones hold themselves.
_DEEPEST = 20
_ALLOWED = "tensors, or lists, tuples, dicts and dataclasses of them"


def flattened_outputs(outputs: object) -> dict[str, torch.Tensor]:
    """What a model gave back, as tensors by name, in the order in which they stand.

    One tensor is ``output``; others have the keys, fields and positions on the way to them:
    ``{"boxes": [a, b], "scores": c}`` holds ``boxes.0``, ``boxes.1`` and ``scores``, and a tuple
    ``output.0`` and ``output.1``. None is no output and left out.

    Raises:
        FormError: there is something else in it, or no tensor at all; the message names its path,
            such as ``outputs['boxes'][0]``.
    """
    found: dict[str, torch.Tensor] = {}
    for steps, tensor in _walk(outputs, ()):
        keys = [str(key) for _, key in steps]
        if not keys or keys[0].isdigit():
            keys.insert(0, OUTPUT)
        name = ".".join(keys)
        while name in found:  # {"a": {"b": x}, "a.b": y}
            name += "_"
        found[name] = tensor
    if not found:
        msg = f"outputs is {_described(outputs)} without a tensor; allowed: {_ALLOWED}"
        raise FormError(msg)
    return found


def rebuilt_outputs(outputs: object, tensors: Sequence[Any]) -> Any:
    """Other tensors in the form of a model's outputs: what a task sees of a written file.

    Args:
        outputs: of the model, for their form.
        tensors: as many as `flattened_outputs` finds in them, in its order.

    Raises:
        FormError: there are more or fewer of them, or `outputs` holds something else.
    """
    count = sum(1 for _ in _walk(outputs, ()))
    if len(tensors) != count:
        msg = f"{len(tensors)} tensors for outputs that hold {count}"
        raise FormError(msg)
    rest = iter(tensors)
    return _mapped(outputs, lambda _: next(rest))


def flattened_inputs(inputs: object) -> dict[str, torch.Tensor]:
    """What a model is given, as tensors by name: ``input``, or ``input.0`` and so on.

    Raises:
        FormError: it is no tensor, and no sequence or mapping of tensors.
    """
    if isinstance(inputs, torch.Tensor):
        return {INPUT: inputs}
    if isinstance(inputs, Mapping):
        named = {str(name): one for name, one in inputs.items()}
    elif isinstance(inputs, list | tuple):
        single = len(inputs) == 1
        named = {INPUT if single else f"{INPUT}.{at}": one for at, one in enumerate(inputs)}
    else:
        named = {}
    wrong = [name for name, one in named.items() if not isinstance(one, torch.Tensor)]
    if wrong or not named:
        of = f"; {wrong[0]!r} is {_described(named[wrong[0]])}" if wrong else ""
        msg = (
            f"the inputs are {_described(inputs)}{of}; allowed: one tensor, a list or tuple of "
            f"tensors, or a dict of tensors by the names of the model's arguments"
        )
        raise FormError(msg)
    return named


def map_inputs(inputs: Inputs, change: Callable[[torch.Tensor], torch.Tensor]) -> Inputs:
    """The same form, with every tensor changed."""
    if isinstance(inputs, torch.Tensor):
        return change(inputs)
    if isinstance(inputs, Mapping):
        return {name: change(one) for name, one in inputs.items()}
    return tuple(change(one) for one in inputs)


def single(inputs: Inputs, what: str) -> torch.Tensor:
    """The only tensor of what a model is given.

    Raises:
        FormError: there are several; `what` takes one.
    """
    given = list(flattened_inputs(inputs).items())
    if len(given) != 1:
        names = ", ".join(name for name, _ in given)
        msg = f"{what} takes networks with one input; this one has {len(given)}: {names}"
        raise FormError(msg)
    return given[0][1]


def examples_in(inputs: Inputs) -> int:
    """How many examples a batch has: all its tensors are as long."""
    return len(next(iter(flattened_inputs(inputs).values())))


def sizes_of(inputs: Inputs) -> str:
    """The shapes of one example, for messages: ``3x32x32``, or ``3x32x32 and 7``."""
    shapes = [one.shape[1:] for one in flattened_inputs(inputs).values()]
    return " and ".join("x".join(map(str, shape)) or "a number" for shape in shapes)


def call(model: Callable[..., Any], inputs: Inputs) -> Any:
    """Run a model on its inputs."""
    if isinstance(inputs, torch.Tensor):
        return model(inputs)
    return model(**inputs) if isinstance(inputs, Mapping) else model(*inputs)


_Steps: TypeAlias = tuple[tuple[str, object], ...]


def _walk(value: object, steps: _Steps) -> Iterator[tuple[_Steps, torch.Tensor]]:
    """All tensors, each with the way to it: how a step is written, and its key."""
    if isinstance(value, torch.Tensor):
        yield steps, value
        return
    parts = _parts(value) if len(steps) < _DEEPEST else None
    if parts is None:
        path = "outputs" + "".join(written for written, _ in steps)
        msg = f"{path} is {_described(value)}; allowed: {_ALLOWED}"
        raise FormError(msg)
    for written, key, part in parts:
        if part is not None:
            yield from _walk(part, (*steps, (written, key)))


def _parts(value: object) -> list[tuple[str, object, object]] | None:
    """How a step to each part is written, its key, and the part; None for what has no parts."""
    if isinstance(value, Mapping):
        return [(f"[{key!r}]", key, part) for key, part in value.items()]
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        named = zip(value._fields, value, strict=True)
        return [(f".{key}", key, part) for key, part in named]
    if isinstance(value, list | tuple):
        return [(f"[{at}]", at, part) for at, part in enumerate(value)]
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        keys = [field.name for field in dataclasses.fields(value)]
        return [(f".{key}", key, getattr(value, key)) for key in keys]
    return None


def _mapped(value: object, change: Callable[[torch.Tensor], Any]) -> Any:
    if isinstance(value, torch.Tensor):
        return change(value)
    if value is None:
        return None
    made = [_mapped(part, change) for _, _, part in _parts(value) or ()]
    if isinstance(value, Mapping):
        return dict(zip(value, made, strict=True))
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return type(value)(*made)
    if isinstance(value, list | tuple):
        return tuple(made) if isinstance(value, tuple) else made
    names = [field.name for field in dataclasses.fields(value)]  # type: ignore[arg-type]
    again = object.__new__(type(value))  # whatever its own __init__ asks for
    for name, part in zip(names, made, strict=True):
        object.__setattr__(again, name, part)
    return again


def _described(value: object) -> str:
    kind = type(value).__name__
    if value is None or isinstance(value, int | float | str):
        return f"{kind} {value!r}"[:60] if value is not None else "None"
    return f"an empty {kind}" if isinstance(value, list | tuple | Mapping) and not value else kind

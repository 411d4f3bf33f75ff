"""Arithmetic on tensor sizes inside a graph: its values, and where each number comes from."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeprune.pruning.graph import Node
from edgeprune.pruning.labels import Ids

#: Integer tensors larger than this are data, not sizes.
MAX_ELEMENTS = 4096


class Source(IntEnum):
    """Where a number in a graph comes from; the larger one wins when two are combined."""

    LITERAL = 0  # written in the model's code: stays when channels are cut
    SIZE = 1  # computed from a tensor's size: follows the cut
    BATCH = 2  # computed from the batch size


@dataclass(frozen=True, eq=False)
class Count:
    """What a number counts: the channels on some axis, times a factor.

    Attributes:
        ids: labels of that axis.
        factor: 1/2 for half as many.
    """

    ids: Ids
    factor: Fraction = Fraction(1)


@dataclass(frozen=True, eq=False)
class Integers:
    """A small tensor of sizes that is known while the graph is read.

    Attributes:
        values: the numbers, int64; float32 in between, where code divides and rounds sizes.
        sources: a `Source` per number, int8, of the same shape.
        counts: a `Count` per number, or None where it counts no channels.
    """

    values: NDArray[Any]
    sources: NDArray[np.int8]
    counts: NDArray[Any] = field(default_factory=lambda: np.empty(0, object))

    def __post_init__(self) -> None:
        if self.counts.shape != self.values.shape:
            object.__setattr__(self, "counts", np.full(self.values.shape, None, object))

    @classmethod
    def literal(cls, array: NDArray[Any]) -> "Integers":
        """Numbers that the model's code spells out."""
        return cls(_numbers(array), np.zeros(np.shape(array), np.int8))

    @classmethod
    def sizes(
        cls, shape: tuple[int, ...], axes: Sequence[Ids | None] = (), batch: int | None = None
    ) -> "Integers":
        """A tensor's shape, with the labels of its axes and the axis of its images."""
        sources = np.full(len(shape), Source.SIZE, np.int8)
        if batch is not None and len(shape):
            sources[batch] = Source.BATCH
        counts = np.full(len(shape), None, object)
        for axis, ids in enumerate(axes):
            counts[axis] = None if ids is None else Count(ids)
        return cls(np.array(shape, np.int64), sources, counts)

    def both(self, apply: Callable[[NDArray[Any]], NDArray[Any]]) -> "Integers":
        """Move numbers about: the same for the values and where they come from."""
        values = apply(self.values)
        counts = np.full(np.shape(values), None, object)
        counts[...] = apply(self.counts)  # a single object comes out bare
        return Integers(values, apply(self.sources), counts)


def _numbers(array: Any) -> NDArray[Any]:
    """As int64 or, for what is not whole by its type, as float32: what the runtime has, too."""
    numbers: NDArray[Any] = np.asarray(array)
    whole = not np.issubdtype(numbers.dtype, np.floating)
    return numbers.astype(np.int64 if whole else np.float32)


def evaluate(node: Node, inputs: list[Integers | None]) -> Integers | None:
    """The outcome of an operation on sizes.

    Args:
        node: any operation.
        inputs: what is known of its inputs; None for one that is left out.

    Returns:
        The numbers of its output, or None where the operation is not one on sizes.
    """
    rule = _RULES.get(node.op)
    known = [one for one in inputs if one is not None]
    if rule is None or not known:
        return None
    try:
        result = rule(node, inputs)
    except _UnknownSizeError:
        return None
    return None if result is None or result.values.size > MAX_ELEMENTS else result


class _UnknownSizeError(Exception):
    """An operation on sizes needs one that is not known."""


def _arithmetic(
    operation: Callable[..., NDArray[Any]],
) -> Callable[[Node, list[Integers | None]], Integers | None]:
    def rule(node: Node, inputs: list[Integers | None]) -> Integers | None:
        first, second = inputs[0], inputs[1]
        if first is None or second is None:
            return None
        return Integers(
            _numbers(operation(first.values, second.values)),
            np.maximum(first.sources, second.sources),
            _counted(node.op, first, second),
        )

    return rule


def _counted(operator: str, first: Integers, second: Integers) -> NDArray[Any]:
    """What a product or an exact quotient of a count and a plain number counts."""
    pairs = np.broadcast(first.values, second.values, first.counts, second.counts)
    found = np.full(pairs.shape, None, object)
    for index, (left, right, counted, other) in zip(np.ndindex(pairs.shape), pairs, strict=True):
        if operator == "Mul" and (counted is None) != (other is None):
            one, times = (counted, right) if other is None else (other, left)
            found[index] = Count(one.ids, one.factor * Fraction(float(times)))
        elif operator == "Div" and counted is not None and other is None and right:
            if float(left) % float(right) == 0:
                found[index] = Count(counted.ids, counted.factor / Fraction(float(right)))
    return found


def _divide(first: NDArray[Any], second: NDArray[Any]) -> NDArray[Any]:
    # ONNX division of integers truncates; sizes are not negative, and 0 never divides.
    divisor = np.where(second == 0, 1, second)
    whole = all(np.issubdtype(one.dtype, np.integer) for one in (first, second))
    return np.where(second == 0, 0, first // divisor if whole else first / divisor)


def _remainder(first: NDArray[np.int64], second: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.where(second == 0, 0, first % np.where(second == 0, 1, second))


def _rounded(
    operation: Callable[[NDArray[Any]], NDArray[Any]],
) -> Callable[[Node, list[Integers | None]], Integers | None]:
    def rule(node: Node, inputs: list[Integers | None]) -> Integers | None:
        first = inputs[0]
        return first and Integers(operation(first.values), first.sources, first.counts)

    return rule


def _moved(
    move: Callable[[Node, NDArray[Any], list[NDArray[np.int64] | None]], NDArray[Any]],
) -> Callable[[Node, list[Integers | None]], Integers | None]:
    def rule(node: Node, inputs: list[Integers | None]) -> Integers | None:
        first = inputs[0]
        if first is None:
            return None
        rest = [None if one is None else one.values for one in inputs[1:]]
        return first.both(lambda array: move(node, array, rest))

    return rule


def _reshape(node: Node, array: NDArray[Any], rest: list[NDArray[np.int64] | None]) -> NDArray[Any]:
    return array.reshape(_given(rest, 0).tolist())


def _gather(node: Node, array: NDArray[Any], rest: list[NDArray[np.int64] | None]) -> NDArray[Any]:
    return np.take(array, _given(rest, 0), axis=node.attributes.get("axis", 0))


def _squeeze(node: Node, array: NDArray[Any], rest: list[NDArray[np.int64] | None]) -> NDArray[Any]:
    axes = rest[0] if rest and rest[0] is not None else node.attributes.get("axes")
    return np.squeeze(array, None if axes is None else tuple(int(axis) for axis in axes))


def _unsqueeze(
    node: Node, array: NDArray[Any], rest: list[NDArray[np.int64] | None]
) -> NDArray[Any]:
    axes = rest[0] if rest and rest[0] is not None else node.attributes["axes"]
    return np.expand_dims(array, tuple(int(axis) for axis in axes))


def _slice(node: Node, array: NDArray[Any], rest: list[NDArray[np.int64] | None]) -> NDArray[Any]:
    starts, ends = _given(rest, 0), _given(rest, 1)
    axes = rest[2] if len(rest) > 2 and rest[2] is not None else np.arange(len(starts))
    steps = rest[3] if len(rest) > 3 and rest[3] is not None else np.ones_like(starts)
    index: list[slice] = [slice(None)] * array.ndim
    for start, end, axis, step in zip(starts, ends, axes, steps, strict=True):
        # An end below every index means "down to the first one", which None says in Python.
        stop = None if step < 0 and end < -array.shape[axis] else int(end)
        index[axis] = slice(int(start), stop, int(step))
    return array[tuple(index)]


def _transpose(
    node: Node, array: NDArray[Any], rest: list[NDArray[np.int64] | None]
) -> NDArray[Any]:
    return array.transpose(node.attributes.get("perm"))


def _given(rest: list[NDArray[np.int64] | None], index: int) -> NDArray[np.int64]:
    values = rest[index]
    if values is None:
        raise _UnknownSizeError
    return values


def _concat(node: Node, inputs: list[Integers | None]) -> Integers | None:
    known = [one for one in inputs if one is not None]
    if len(known) < len(inputs):
        return None
    axis = node.attributes["axis"]
    return Integers(
        np.concatenate([one.values for one in known], axis),
        np.concatenate([one.sources for one in known], axis),
        np.concatenate([one.counts for one in known], axis),
    )


def _filled(node: Node, inputs: list[Integers | None]) -> Integers | None:
    shape, value = inputs[0], node.attributes.get("value")
    if shape is None or value is None or not np.issubdtype(value.dtype, np.integer):
        return None
    return Integers.literal(np.full(shape.values.tolist(), value.item(), np.int64))


def _cast(node: Node, inputs: list[Integers | None]) -> Integers | None:
    kind = {1: np.float32, 6: np.int64, 7: np.int64}.get(node.attributes["to"])
    first = inputs[0]
    return first and kind and Integers(first.values.astype(kind), first.sources, first.counts)


def _clip(node: Node, inputs: list[Integers | None]) -> Integers | None:
    first, *bounds = inputs
    if first is None or any(
        node.has_input(position) and one is None for position, one in enumerate(bounds, 1)
    ):
        return None
    low, high = (*bounds, None, None)[:2]
    values = first.values
    values = values if low is None else np.maximum(values, low.values)
    values = values if high is None else np.minimum(values, high.values)
    return Integers(values, first.sources)


def _where(node: Node, inputs: list[Integers | None]) -> Integers | None:
    condition, yes, no = inputs
    if condition is None or yes is None or no is None:
        return None
    chosen = condition.values.astype(bool)
    values = np.where(chosen, yes.values, no.values)
    return Integers(values, np.where(chosen, yes.sources, no.sources).astype(np.int8))


def _expand(node: Node, array: NDArray[Any], rest: list[NDArray[np.int64] | None]) -> NDArray[Any]:
    shape = np.broadcast_shapes(array.shape, tuple(_given(rest, 0).tolist()))
    return np.broadcast_to(array, shape)


def _range(node: Node, inputs: list[Integers | None]) -> Integers | None:
    start, limit, step = inputs
    if start is None or limit is None or step is None:
        return None
    values = np.arange(start.values.item(), limit.values.item(), step.values.item())
    source = max(one.sources.item() for one in (start, limit, step))
    return Integers(values, np.full(len(values), source, np.int8))


_RULES: dict[str, Callable[[Node, list[Integers | None]], Integers | None]] = {
    "Add": _arithmetic(np.add),
    "Sub": _arithmetic(np.subtract),
    "Mul": _arithmetic(np.multiply),
    "Div": _arithmetic(_divide),
    "Mod": _arithmetic(_remainder),
    "Equal": _arithmetic(np.equal),
    "Max": _arithmetic(np.maximum),
    "Min": _arithmetic(np.minimum),
    "Neg": lambda node, inputs: inputs[0] and Integers(-inputs[0].values, inputs[0].sources),
    "Where": _where,
    "Expand": _moved(_expand),
    "Identity": _moved(lambda node, array, rest: array),
    "Reshape": _moved(_reshape),
    "Gather": _moved(_gather),
    "Squeeze": _moved(_squeeze),
    "Unsqueeze": _moved(_unsqueeze),
    "Slice": _moved(_slice),
    "Transpose": _moved(_transpose),
    "Ceil": _rounded(np.ceil),
    "Floor": _rounded(np.floor),
    "Clip": _clip,
    "Concat": _concat,
    "ConstantOfShape": _filled,
    "Cast": _cast,
    "Range": _range,
}

"""How the shapes of a TFLite operator's outputs follow those of its inputs, after a cut.

An operator whose inputs kept their shapes keeps those of its outputs, whatever it is; one that is
cut has to be known here.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, NoReturn, TypeAlias

import numpy as np
from numpy.typing import NDArray

from edgeprune.errors import SlicingError

Shape: TypeAlias = tuple[int, ...]
_Ints: TypeAlias = NDArray[np.int64]


@dataclass
class CutOperator:
    """An operator whose inputs have changed.

    Attributes:
        kind: ``CONV_2D``.
        layer: its name, for messages.
        options: of the schema.
        before: shapes of its inputs in the file that was converted; () where one is left out.
        inputs: their shapes now.
        outputs: shapes of its outputs in the file that was converted.
        numbers: values of its integer constants, by position.
        pads: channels that are added before and after, where the network says so.
        changed: integer constants that it gets in place of those, by position.
    """

    kind: str
    layer: str
    options: Any
    before: Sequence[Shape]
    inputs: Sequence[Shape]
    outputs: Sequence[Shape]
    numbers: dict[int, _Ints]
    pads: tuple[int, int] | None = None
    changed: dict[int, _Ints] = field(default_factory=dict)

    def output_shapes(self) -> list[Shape]:
        """Shapes of its outputs now.

        Raises:
            SlicingError: it is not known how this operator is cut, or what it reads does not fit.
        """
        rule = _RULES.get(self.kind)
        if rule is None:
            self.refuse("it is not known how it is cut")
        try:
            return [rule(self)]
        except (IndexError, KeyError, ZeroDivisionError) as error:
            self.refuse(f"its inputs are unusual ({error!r})")

    def refuse(self, why: str) -> NoReturn:
        """Raise the error that names it."""
        msg = f"operator {self.kind} of {self.layer!r}: {why}"
        raise SlicingError(msg)


_Rule: TypeAlias = Callable[[CutOperator], Shape]
_RULES: dict[str, _Rule] = {}


def _rule(*kinds: str) -> Callable[[_Rule], _Rule]:
    def register(function: _Rule) -> _Rule:
        _RULES.update(dict.fromkeys(kinds, function))
        return function

    return register


@_rule(
    *("RELU", "RELU6", "RELU_N1_TO_1", "RELU_0_TO_1", "LEAKY_RELU", "ELU", "GELU", "PRELU"),
    *("LOGISTIC", "TANH", "HARD_SWISH", "ABS", "NEG", "EXP", "LOG", "SQRT", "RSQRT", "SQUARE"),
    *("SOFTMAX", "LOG_SOFTMAX", "CAST", "QUANTIZE", "DEQUANTIZE", "L2_NORMALIZATION"),
)
def _as_given(one: CutOperator) -> Shape:
    return one.inputs[0]


@_rule("ADD", "SUB", "MUL", "DIV", "MAXIMUM", "MINIMUM", "POW", "SQUARED_DIFFERENCE")
def _broadcast(one: CutOperator) -> Shape:
    try:
        return tuple(int(size) for size in np.broadcast_shapes(*one.inputs[:2]))
    except ValueError:
        one.refuse(f"its inputs of shape {one.inputs[:2]} do not fit")


@_rule("CONV_2D")
def _convolution(one: CutOperator) -> Shape:
    read, weights = one.inputs[0][-1], one.inputs[1]
    groups = one.before[0][-1] // one.before[1][3]
    regrouped = read // weights[3]
    fits = read == weights[3] if groups == 1 else read % weights[3] == 0
    if not fits or weights[0] % regrouped:
        one.refuse(f"it reads {read} channels, its weights have shape {weights}")
    return (*one.outputs[0][:-1], weights[0])


@_rule("DEPTHWISE_CONV_2D")
def _depthwise(one: CutOperator) -> Shape:
    read, channels = one.inputs[0][-1], one.inputs[1][3]
    if channels != read * one.options.depthMultiplier:
        one.refuse(f"it reads {read} channels, its weights have shape {one.inputs[1]}")
    return (*one.outputs[0][:-1], channels)


@_rule("TRANSPOSE_CONV")
def _transposed(one: CutOperator) -> Shape:
    read, weights = one.inputs[2][-1], one.inputs[1]
    if read != weights[3]:
        one.refuse(f"it reads {read} channels, its weights have shape {weights}")
    shape = (*one.outputs[0][:-1], weights[0])
    one.changed[0] = np.array(shape)
    return shape


@_rule("FULLY_CONNECTED")
def _linear(one: CutOperator) -> Shape:
    given, weights = one.inputs[0], one.inputs[1]
    if math.prod(given) % weights[1] or given[-1] != weights[1] == one.before[1][1]:
        one.refuse(f"it reads {given}, its weights have shape {weights}")
    if one.options.keepNumDims:
        return (*given[:-1], weights[0])
    return (math.prod(given) // weights[1], weights[0])


@_rule("AVERAGE_POOL_2D", "MAX_POOL_2D", "L2_POOL_2D", "RESIZE_BILINEAR")
@_rule("RESIZE_NEAREST_NEIGHBOR")
def _same_pixels(one: CutOperator) -> Shape:
    return (*one.outputs[0][:-1], one.inputs[0][-1])


@_rule("MEAN", "SUM", "REDUCE_MAX", "REDUCE_MIN")
def _reduced(one: CutOperator) -> Shape:
    given = one.inputs[0]
    axes = {int(axis) % len(given) for axis in one.numbers[1].ravel()}
    if one.options.keepDims:
        return tuple(1 if axis in axes else size for axis, size in enumerate(given))
    return tuple(size for axis, size in enumerate(given) if axis not in axes)


@_rule("TRANSPOSE")
def _permuted(one: CutOperator) -> Shape:
    return tuple(one.inputs[0][int(axis)] for axis in one.numbers[1])


@_rule("CONCATENATION")
def _joined(one: CutOperator) -> Shape:
    axis = one.options.axis % len(one.outputs[0])
    total = sum(shape[axis] for shape in one.inputs)
    return (*one.inputs[0][:axis], total, *one.inputs[0][axis + 1 :])


@_rule("PAD", "PADV2", "MIRROR_PAD")
def _padded(one: CutOperator) -> Shape:
    pads = one.numbers[1].astype(np.int64)
    if pads[-1].any():
        if one.pads is None:
            one.refuse("it adds channels that the network does not name")
        pads = pads.copy()
        pads[-1] = one.pads
        one.changed[1] = pads
    return tuple(int(size + sum(pad)) for size, pad in zip(one.inputs[0], pads, strict=True))


@_rule("STRIDED_SLICE")
def _strided(one: CutOperator) -> Shape:
    options = one.options
    if options.ellipsisMask or options.newAxisMask or options.shrinkAxisMask:
        one.refuse("it takes single positions out")
    begin, end, step = (one.numbers[position].astype(np.int64) for position in (1, 2, 3))
    end, shape = end.copy(), list(one.outputs[0])
    for axis, (before, now) in enumerate(zip(one.before[0], one.inputs[0], strict=True)):
        if before == now:
            continue
        from_first = bool(options.beginMask >> axis & 1) or begin[axis] == 0
        if not from_first or shape[axis] != before or step[axis] != 1:
            one.refuse("it takes some of the channels that are cut")
        if not options.endMask >> axis & 1 and end[axis] >= before:
            end[axis] = now
        shape[axis] = now
    one.changed[2] = end
    return tuple(shape)


@_rule("SLICE")
def _sliced(one: CutOperator) -> Shape:
    size, shape = one.numbers[2].astype(np.int64), list(one.outputs[0])
    size = size.copy()
    for axis, (before, now) in enumerate(zip(one.before[0], one.inputs[0], strict=True)):
        if before == now:
            continue
        if shape[axis] != before:
            one.refuse("it takes some of the channels that are cut")
        shape[axis], size[axis] = now, now if size[axis] >= 0 else -1
    one.changed[2] = size
    return tuple(shape)


@_rule("RESHAPE", "SQUEEZE", "EXPAND_DIMS")
def _reshaped(one: CutOperator) -> Shape:
    shape: list[int] = []
    for given, written, now in _segments(one):
        if given == now:
            shape += written
            continue
        changing = [place for place, size in enumerate(written) if size > 1]
        if len(changing) != 1:
            one.refuse("it splits the channels that are cut")
        written[changing[0]] = math.prod(now)
        shape += written
    if one.kind == "RESHAPE":
        one.changed[1] = np.array(shape)
    return tuple(shape)


def _segments(one: CutOperator) -> list[tuple[list[int], list[int], list[int]]]:
    """Neighbouring axes before and after that hold the same numbers; and what they are now."""
    given, written, now = one.before[0], one.outputs[0], one.inputs[0]
    found = []
    first = second = 0
    while first < len(given) or second < len(written):
        start, begin = first, second
        first, second = min(first + 1, len(given)), min(second + 1, len(written))
        while math.prod(given[start:first]) != math.prod(written[begin:second]):
            if math.prod(given[start:first]) < math.prod(written[begin:second]):
                first += 1
            else:
                second += 1
            if first > len(given) or second > len(written):
                one.refuse("its sizes do not fit")
        found.append(
            (list(given[start:first]), list(written[begin:second]), list(now[start:first]))
        )
    return found

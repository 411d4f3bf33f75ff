"""Operators that torch's tracing exporter lacks, spelt in ONNX.

Adaptive pooling to sizes that do not divide the image's: every output pixel is the maximum or
mean of a window, and windows may overlap. Rows and columns are independent of each other, so each
is cut into its windows, reduced and joined again. RMSNorm: its formula. PixelUnshuffle: with a
number of channels that is read from the image, where the exporter spells it out.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch.onnx import symbolic_helper

_EXPORTER: Any = torch.onnx  # what it has of the tracing exporter is not in its typed names


@contextmanager
def missing_operators(opset: int) -> Iterator[None]:
    """Inside, torch's tracing exporter knows them."""
    known: dict[str, Any] = {"aten::rms_norm": _rms_norm, "aten::pixel_unshuffle": _pixel_unshuffle}
    for rank in (1, 2, 3):
        known[f"aten::adaptive_avg_pool{rank}d"] = _mean
        known[f"aten::adaptive_max_pool{rank}d"] = _maximum
    for name, spelt in known.items():
        _EXPORTER.register_custom_op_symbolic(name, spelt, opset)
    try:
        yield
    finally:
        for name in known:
            _EXPORTER.unregister_custom_op_symbolic(name, opset)


def _rms_norm(g: Any, features: Any, shape: Any, weight: Any, epsilon: Any) -> Any:
    axes = [-1 - axis for axis in range(len(symbolic_helper._parse_arg(shape, "is")))]
    small = symbolic_helper._maybe_get_const(epsilon, "f")
    small = torch.finfo(torch.float32).eps if symbolic_helper._is_none(small) else float(small)
    mean = g.op("ReduceMean", g.op("Mul", features, features), axes_i=axes, keepdims_i=1)
    mean = g.op("Add", mean, g.op("Constant", value_t=torch.tensor(small)))
    normed = g.op("Div", features, g.op("Sqrt", mean))
    return normed if symbolic_helper._is_none(weight) else g.op("Mul", normed, weight)


def _pixel_unshuffle(g: Any, image: Any, factor: Any) -> Any:
    block = int(symbolic_helper._parse_arg(factor, "i"))
    shape = symbolic_helper._get_tensor_sizes(image)
    if shape is None or len(shape) != 4 or None in shape[2:]:
        return symbolic_helper._unimplemented("pixel_unshuffle", "input size not known", image)
    height, width = (size // block for size in shape[2:])
    apart = torch.tensor([0, -1, height, block, width, block])  # 0: as it is
    image = g.op("Reshape", image, g.op("Constant", value_t=apart))
    image = g.op("Transpose", image, perm_i=[0, 1, 3, 5, 2, 4])
    together = torch.tensor([0, -1, height, width])
    return g.op("Reshape", image, g.op("Constant", value_t=together))


def _mean(g: Any, image: Any, asked: Any) -> Any:
    return _pooled(g, image, asked, ("GlobalAveragePool", "AveragePool", "ReduceMean"))


def _maximum(g: Any, image: Any, asked: Any) -> Any:
    # The second output, where the maxima were, has no reader in a traced model.
    return _pooled(g, image, asked, ("GlobalMaxPool", "MaxPool", "ReduceMax")), None


def _pooled(g: Any, image: Any, asked: Any, operators: tuple[str, str, str]) -> Any:
    whole, regular, reduce = operators
    sizes = symbolic_helper._parse_arg(asked, "is")
    if all(size == 1 for size in sizes):
        return g.op(whole, image)
    shape = symbolic_helper._get_tensor_sizes(image)
    shape = None if shape is None else shape[2:]
    if shape is None or None in shape:
        return symbolic_helper._unimplemented("adaptive pooling", "input size not known", image)
    if not any(before % after for before, after in zip(shape, sizes, strict=True)):
        kernel = [before // after for before, after in zip(shape, sizes, strict=True)]
        return g.op(regular, image, kernel_shape_i=kernel, strides_i=kernel)
    for axis, (before, after) in enumerate(zip(shape, sizes, strict=True), 2):
        if before != after:
            parts = [
                g.op(reduce, _sliced(g, image, axis, window), axes_i=[axis], keepdims_i=1)
                for window in _windows(before, after)
            ]
            image = g.op("Concat", *parts, axis_i=axis) if len(parts) > 1 else parts[0]
    return image


def _windows(before: int, after: int) -> list[tuple[int, int]]:
    """First position and the one past the last of each window, as torch has them."""
    return [(at * before // after, -(-(at + 1) * before // after)) for at in range(after)]


def _sliced(g: Any, image: Any, axis: int, window: tuple[int, int]) -> Any:
    numbers: list[Sequence[int]] = [[window[0]], [window[1]], [axis]]
    given = [g.op("Constant", value_t=torch.tensor(one)) for one in numbers]
    return g.op("Slice", image, *given)

"""Adaptive pooling in ONNX: torch's exporter lacks sizes that do not divide the image's.

Every output pixel is the maximum or mean of a window, and windows may overlap. Rows and columns
are independent of each other, so each is cut into its windows, reduced and joined again.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch.onnx import register_custom_op_symbolic, symbolic_helper, unregister_custom_op_symbolic


@contextmanager
def any_adaptive_pooling(opset: int) -> Iterator[None]:
    """Inside, torch's tracing exporter knows adaptive pooling to any size."""
    for rank in (1, 2, 3):
        register_custom_op_symbolic(f"aten::adaptive_avg_pool{rank}d", _mean, opset)
        register_custom_op_symbolic(f"aten::adaptive_max_pool{rank}d", _maximum, opset)
    try:
        yield
    finally:
        for rank in (1, 2, 3):
            unregister_custom_op_symbolic(f"aten::adaptive_avg_pool{rank}d", opset)
            unregister_custom_op_symbolic(f"aten::adaptive_max_pool{rank}d", opset)


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

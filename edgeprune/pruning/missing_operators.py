"""Operators that torch's tracing exporter lacks, spelt in others while a model is exported.

Adaptive pooling to sizes that do not divide the image's: every output pixel is the maximum or
mean of a window, and windows may overlap. Rows and columns are independent of each other, so each
is cut into its windows, reduced and joined again. RMSNorm: its formula. PixelUnshuffle: with a
number of channels that is read from the image, where the exporter spells it out.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any, TypeAlias

import torch
from torch.nn import functional as F
from torch.onnx import symbolic_helper

_EXPORTER: Any = torch.onnx  # what it has of the tracing exporter is not in its typed names
_Pooling: TypeAlias = Callable[..., torch.Tensor]


@contextmanager
def missing_operators(opset: int) -> Iterator[None]:
    """Inside, torch's tracing exporter knows them."""
    known: dict[str, Any] = {"aten::rms_norm": _rms_norm, "aten::pixel_unshuffle": _pixel_unshuffle}
    poolings = _poolings()
    own = {name: getattr(F, name) for name in poolings}
    for name, spelt in known.items():
        _EXPORTER.register_custom_op_symbolic(name, spelt, opset)
    try:
        vars(F).update(poolings)
        yield
    finally:
        vars(F).update(own)
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


def _poolings() -> dict[str, _Pooling]:
    """What stands for torch's adaptive pooling, by its names."""
    found: dict[str, _Pooling] = {}
    for rank in (1, 2, 3):
        for kind, reduce in (("avg", torch.mean), ("max", torch.amax)):
            own = getattr(F, f"adaptive_{kind}_pool{rank}d")
            regular = getattr(F, f"{kind}_pool{rank}d")
            found[f"adaptive_{kind}_pool{rank}d"] = partial(_pooled, own, regular, reduce)
    return found


def _pooled(
    own: _Pooling,
    regular: _Pooling,
    reduce: Callable[..., torch.Tensor],
    image: torch.Tensor,
    output_size: int | Sequence[int | None],
    return_indices: bool = False,
) -> Any:
    # Whole numbers: what is traced of an image's size is fixed here.
    shape = [int(size) for size in image.shape[2:]]
    asked = [output_size] * len(shape) if isinstance(output_size, int) else list(output_size)
    sizes = [before if after is None else after for before, after in zip(shape, asked, strict=True)]
    if return_indices or all(size == 1 for size in sizes):
        return own(image, output_size, return_indices) if return_indices else own(image, sizes)
    if not any(before % after for before, after in zip(shape, sizes, strict=True)):
        return regular(image, [b // a for b, a in zip(shape, sizes, strict=True)])
    for axis, (before, after) in enumerate(zip(shape, sizes, strict=True), 2):
        if before != after:
            parts = [
                reduce(image.narrow(axis, start, end - start), dim=axis, keepdim=True)
                for start, end in _windows(before, after)
            ]
            image = torch.cat(parts, axis)
    return image


def _windows(before: int, after: int) -> list[tuple[int, int]]:
    """First position and the one past the last of each window, as torch has them."""
    return [(at * before // after, -(-(at + 1) * before // after)) for at in range(after)]

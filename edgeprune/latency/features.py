"""What a kernel's time is made of: work in steps of channels, memory, a constant."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from edgeprune.latency.costs import Floats
from edgeprune.latency.kernels import Kernel

#: Steps in which kernels may take input and output channels.
_STEPS = (1, 4, 8, 16)
_OUT_STEPS = (*_STEPS, 32)
#: Columns of `features`.
FEATURES = len(_STEPS) * len(_OUT_STEPS) + len(_OUT_STEPS) + 5
#: Channels that are convolved by themselves are taken so many at a time, those left over singly.
_AT_A_TIME = 8


@dataclass(frozen=True, eq=False)
class Shapes:
    """Kernels as arrays; float64 (kernels,) but for the groupings.

    Attributes:
        kinds: see `Kernel`.
        families: kind, filter and stride: kernels with the same code.
        places: family and sizes: kernels that differ in their channels alone.
        read: input channels.
        written: output channels.
        fan_in: input channels that one output channel reads.
        area: positions of the filter.
        pixels: positions of the input, of all images.
        out_pixels: positions of the output.
        work: positions at which the filter is applied.
    """

    kinds: tuple[str, ...]
    families: tuple[tuple[object, ...], ...]
    places: tuple[tuple[object, ...], ...]
    read: Floats
    written: Floats
    fan_in: Floats
    area: Floats
    pixels: Floats
    out_pixels: Floats
    work: Floats

    @classmethod
    def of(cls, kernels: Sequence[Kernel]) -> Self:
        """The arrays of some kernels."""

        def column(values: Sequence[float]) -> Floats:
            return np.array(values, np.float64)

        pixels = column([k.batch * k.size[0] * k.size[1] for k in kernels])
        out_pixels = column([k.batch * k.out_size[0] * k.out_size[1] for k in kernels])
        transposed = np.array([k.kind == "transposed" for k in kernels], bool)
        families = tuple((k.kind, k.area, k.stride) for k in kernels)
        return cls(
            kinds=tuple(k.kind for k in kernels),
            families=families,
            places=tuple((*f, k.size, k.batch) for f, k in zip(families, kernels, strict=True)),
            read=column([k.read for k in kernels]),
            written=column([k.written for k in kernels]),
            fan_in=column([k.read / k.groups for k in kernels]),
            area=column([k.area[0] * k.area[1] for k in kernels]),
            pixels=pixels,
            out_pixels=out_pixels,
            work=np.where(transposed, pixels, out_pixels),
        )

    @property
    def plain(self) -> NDArray[np.bool_]:
        """Whether every output channel reads every input channel."""
        return np.asarray(self.fan_in == self.read)


def features(shapes: Shapes) -> Floats:
    """What the time of a kernel is a non-negative combination of.

    Multiply-accumulates with channels rounded up to every pair of steps: those that the kernel
    really works in get the weight. Weights, elements read and written, a constant, and the square
    of the elements, because a tensor that does not fit a cache costs more for each.

    Returns:
        float64 (kernels, FEATURES), none negative; each grows with the channels.
    """
    work = shapes.area * shapes.work
    grouped = ~shapes.plain
    columns = []
    for step in _STEPS:
        # A channel of a grouped convolution reads its few inputs as they are.
        taken = np.where(grouped, shapes.fan_in, rounded_up(shapes.fan_in, step)) * work
        columns += [taken * rounded_up(shapes.written, out_step) for out_step in _OUT_STEPS]
    read, written = shapes.read * shapes.pixels, shapes.written * shapes.out_pixels
    # Blocks of channels are written whole, padding and all.
    columns += [rounded_up(shapes.written, step) * shapes.out_pixels for step in _OUT_STEPS]
    columns += [shapes.fan_in * shapes.written * shapes.area, read]
    # A layer of a removed branch writes nothing, and is not called.
    columns += [(shapes.written > 0).astype(np.float64), (read + written) ** 2 * 1e-6]
    columns.append(np.where(grouped, shapes.written % _AT_A_TIME, 0.0) * work)
    return np.stack(columns, axis=1)


def rounded_up(channels: Floats, step: int) -> Floats:
    """Channels as the next multiple of a step."""
    return np.asarray(np.ceil(channels / step) * step)

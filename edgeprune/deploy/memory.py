"""Where the tensors of a fixed program lie in one piece of memory."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

#: Bytes; what TVM's kernels check of the tensors that they get.
ALIGNMENT = 64


@dataclass(frozen=True)
class Lifetime:
    """How long a tensor is needed.

    Attributes:
        size: bytes.
        first: the call that writes it; -1: it is there from the start.
        last: the last call that reads it.
    """

    size: int
    first: int
    last: int


def place(lifetimes: Mapping[int, Lifetime]) -> tuple[dict[int, int], int]:
    """Give every tensor an offset so that no two that live at once overlap.

    Largest first, each at the lowest free offset (Pisarchyk and Lee 2020, "Efficient memory
    management for deep neural net inference", greedy by size).

    Args:
        lifetimes: by tensor.

    Returns:
        Offsets in bytes, multiples of `ALIGNMENT`; and the bytes of the whole.
    """
    offsets: dict[int, int] = {}
    order = sorted(lifetimes, key=lambda one: (-lifetimes[one].size, one))
    for tensor in order:
        wanted = lifetimes[tensor]
        beside = sorted(
            (offsets[other], offsets[other] + lifetimes[other].size)
            for other in offsets
            if lifetimes[other].first <= wanted.last and wanted.first <= lifetimes[other].last
        )
        offsets[tensor] = _lowest_gap(beside, wanted.size)
    ends = [offsets[one] + lifetimes[one].size for one in offsets]
    return offsets, aligned(max(ends, default=0))


def aligned(size: int) -> int:
    """The next multiple of `ALIGNMENT`."""
    return -(-size // ALIGNMENT) * ALIGNMENT


def _lowest_gap(taken: Sequence[tuple[int, int]], size: int) -> int:
    start = 0
    for begin, end in taken:
        if start + size <= begin:
            break
        start = max(start, aligned(end))
    return start

"""What a device card advises, in sentences."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from edgeprune.report.numbers import percent, three_digits

if TYPE_CHECKING:
    from edgeprune.report.card import Steps

#: Kinds of layers in words.
KIND_NAMES = {
    "conv": "convolutions",
    "depthwise": "depthwise convolutions",
    "grouped": "grouped convolutions",
    "linear": "linear layers",
}
#: Times that differ by less are called alike.
_ALIKE = 0.03


def advice(
    steps: Sequence["Steps"],
    noise: float,
    threads: int,
    by_threads: Mapping[int, float],
    unit: str,
) -> list[str]:
    """All that follows from what was measured, the most useful first."""
    return [
        *(_of_steps(one) for one in steps),
        *_of_depthwise(steps),
        *_of_threads(threads, by_threads, unit),
        _of_noise(noise),
    ]


def multiples_text(steps: Sequence["Steps"]) -> str:
    """The line of a profile that holds widths to the multiples; nothing where none has one."""
    found = {one.kind: one.multiple for one in steps if one.multiple > 1}
    if not found:
        return ""
    inside = ", ".join(f"{kind}: {multiple}" for kind, multiple in found.items())
    return f"channel_multiple: {{{inside}}}"


def _of_steps(one: "Steps") -> str:
    name = KIND_NAMES.get(one.kind, one.kind).capitalize()
    if one.multiple == 1:
        return f"{name}: any number of channels; the time rises without steps."
    return (
        f"{name}: multiples of {one.multiple}; a width in between costs "
        f"{percent(one.gain, 0)} more."
    )


def _of_depthwise(steps: Sequence["Steps"]) -> Iterator[str]:
    """What depthwise layers cost beside what they compute."""
    known = {one.kind: one for one in steps}
    if not {"conv", "depthwise"} <= known.keys():
        return
    conv, depthwise = known["conv"], known["depthwise"]
    count = max(set(conv.channels) & set(depthwise.channels), default=None)
    if count is None:
        return
    times = {
        kind: known[kind].ms[known[kind].channels.index(count)] / known[kind].pixels
        for kind in ("conv", "depthwise")
    }
    yield (
        f"A depthwise layer of {count} channels costs "
        f"{percent(times['depthwise'] / times['conv'], 0)} of a convolution on the same image, "
        f"with {percent(1 / count, 1)} of its multiplications."
    )


def _of_threads(threads: int, by_threads: Mapping[int, float], unit: str) -> Iterator[str]:
    if len(by_threads) < 2:
        return
    best = min(by_threads, key=lambda count: by_threads[count])
    least = by_threads[best]
    few = next(count for count, ms in by_threads.items() if ms <= least * (1 + _ALIKE))
    noun = "thread is" if few == 1 else "threads are"
    others = ", ".join(
        f"{count}: {three_digits(ms)} {unit}" for count, ms in by_threads.items() if count != few
    )
    yield f"{few} {noun} fastest ({three_digits(by_threads[few])} {unit}; {others})."
    own = by_threads.get(threads)
    if own is not None and own > by_threads[few] * (1 + _ALIKE):
        slower = own / by_threads[few] - 1
        yield (
            f"The profile says threads: {threads}, which takes {percent(slower, 0)} longer than "
            f"threads: {few}."
        )


def _of_noise(noise: float) -> str:
    return (
        f"One comparison of a network with itself was off by up to {percent(noise, 1)}: smaller "
        "differences show only where measurements are repeated, as runs do."
    )

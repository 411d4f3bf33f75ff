"""In which steps of channels a device's kernels work: the channel multiple, learned.

Chains of equal layers are timed at every number of channels of a range. Where rounding up to a
multiple costs nothing, or saves time, widths in between are a waste.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from edgeprune.devices import Device
from edgeprune.history import History, KernelLatency, Staircase
from edgeprune.latency.chain_files import chain_for
from edgeprune.latency.chains import LENGTH, chain
from edgeprune.latency.kernels import read_layers

#: Kinds of layers that are tried.
KINDS = ("conv", "depthwise", "grouped", "linear")
_MULTIPLES = (2, 4, 8, 16, 32)
_COARSEST = _MULTIPLES[-1]
#: Channels that are timed, two of the coarsest stairs. Linear layers are quick: wider ones.
_RANGES = {
    "conv": range(32, 97),
    "depthwise": range(32, 97),
    "grouped": range(32, 97, 2),
    "linear": range(224, 289),
}
#: Rounding up to a multiple is free if it costs less than this share of what as many channels
#: cost on the average.
_FREE_SHARE = 0.5


@dataclass(frozen=True)
class Sweep:
    """How the time of one kind of layer depends on its channels.

    Attributes:
        kind: one of `KINDS`.
        channels: that were timed, ascending.
        ms: of one layer.
        staircase: the multiple learned from it.
    """

    kind: str
    channels: tuple[int, ...]
    ms: tuple[float, ...]
    staircase: Staircase


def probe_staircases(
    device: Device,
    history: History,
    target_key: str,
    kinds: Iterable[str] = KINDS,
    advance: Callable[[str, int], None] = lambda kind, channels: None,
) -> dict[str, Sweep]:
    """Time kernels over their channels and keep what was learned.

    Args:
        device: open; times ONNX or TFLite files, in its target's precision.
        history: gets the multiples and the times.
        target_key: known to the history.
        kinds: of layers to try.
        advance: hears of every kernel that has been timed.

    Returns:
        The sweeps, by kind.

    Raises:
        MeasurementError: as `Device.compare`.
        TargetError: see `chain_for`.
        HistoryError: the history cannot be written.
    """
    sweeps = {}
    for kind in kinds:
        sweeps[kind], records = _sweep(device, kind, advance)
        history.record_kernels(target_key, records)
        history.record_multiples(target_key, {kind: sweeps[kind].staircase})
    return sweeps


def learn_staircase(ms: Mapping[int, float]) -> Staircase:
    """The multiple that times by channels show.

    A multiple counts if rounding up to it, from half of it, is free, and so it is for all smaller
    ones. Free is judged beside the trend: the line through the multiples of the coarsest stairs.

    Args:
        ms: time by channels; from one multiple of 32 to another.

    Returns:
        The multiple, 1 if there are no stairs; and its gain.
    """
    anchors = [channels for channels in sorted(ms) if channels % _COARSEST == 0]
    heights = [np.log(ms[channels]) for channels in anchors]
    multiple = 1
    for step in _MULTIPLES:
        pairs = [
            (channels, -(-channels // step) * step)
            for channels in ms
            if channels % step and channels % (step // 2) == 0
        ]
        if not pairs:
            continue
        cost = np.mean([np.log(ms[wide] / ms[narrow]) for narrow, wide in pairs])
        trend = np.mean(
            [np.diff(np.interp((narrow, wide), anchors, heights))[0] for narrow, wide in pairs]
        )
        if cost > _FREE_SHARE * trend:
            break
        multiple = step
    return Staircase(multiple, _gain(ms, multiple))


def _gain(ms: Mapping[int, float], multiple: int) -> float:
    """How much longer widths between two multiples take than the line between those says."""
    allowed = [channels for channels in sorted(ms) if channels % multiple == 0]
    times = [ms[channels] for channels in allowed]
    between = [channels for channels in ms if channels % multiple]
    if not between:
        return 0.0
    waste = [ms[channels] / np.interp(channels, allowed, times) - 1 for channels in between]
    return max(float(np.mean(waste)), 0.0)


def _sweep(
    device: Device, kind: str, advance: Callable[[str, int], None]
) -> tuple[Sweep, list[KernelLatency]]:
    channels, made = tuple(_RANGES[kind]), chain_for(device)
    reference = made(kind, channels[len(channels) // 2])
    ratios, levels, records = [], [], []
    for count in channels:
        # Beside a reference: the device's own pace changes while it is swept.
        comparison = device.compare(made(kind, count), reference)
        ratios.append(comparison.ratio)
        levels.append(comparison.baseline.level_ms / LENGTH)
        kernel = read_layers(chain(kind, count))[0].kernel
        signature = {**kernel.to_json(), "chain": LENGTH}
        low, high = (end * levels[-1] for end in comparison.ratio_interval)
        samples = len(comparison.candidate.samples_ms)
        records.append(KernelLatency(signature, ratios[-1] * levels[-1], (low, high), samples))
        advance(kind, count)
    ms = np.array(ratios) * float(np.median(levels))
    found = dict(zip(channels, ms.tolist(), strict=True))
    return Sweep(kind, channels, tuple(found.values()), learn_staircase(found)), records

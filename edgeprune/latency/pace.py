"""How steady a device is, and with how many threads it is fastest."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

from edgeprune.config import TargetConfig
from edgeprune.devices import Device
from edgeprune.errors import MeasurementError, TargetError
from edgeprune.latency.chain_files import chain_for
from edgeprune.latency.chains import LENGTH

#: Comparisons of a network with itself.
_REPEATS = 5
#: Layers and channels of what is timed with more and more threads: enough work for several.
_LAYERS, _CHANNELS = 8, 128


@dataclass(frozen=True)
class Threads:
    """What a network takes with so many threads.

    Attributes:
        count: of threads.
        ms: of one run, by the wall clock.
    """

    count: int
    ms: float


def noise_floor(device: Device, repeats: int = _REPEATS) -> float:
    """How far the measured ratio of a network to itself is off 1: the largest of some comparisons.

    Args:
        device: open.
        repeats: comparisons.

    Raises:
        MeasurementError: as `Device.compare`.
    """
    net = chain_for(device)("conv", 64, LENGTH)
    ratios = [device.compare(net, net).ratio for _ in range(repeats)]
    return float(np.abs(np.log(ratios)).max())


def thread_times(
    target: TargetConfig,
    cores: int,
    open_with: Callable[[TargetConfig], Device],
    counts: Iterable[int] | None = None,
) -> tuple[Threads, ...]:
    """Time one network with more and more threads.

    Args:
        target: the profile.
        cores: of the device.
        open_with: opens a device by its profile.
        counts: of threads; None: doubled up to the cores.

    Returns:
        What could be timed; a count that the device refuses is left out.
    """
    wanted = sorted({*_doubled(cores), cores}) if counts is None else list(counts)
    found = []
    for count in wanted:
        try:
            with open_with(target.model_copy(update={"threads": count})) as device:
                net = chain_for(device)("conv", _CHANNELS, _LAYERS)
                found.append(Threads(count, device.compare(net, net).baseline.level_ms))
        except (MeasurementError, TargetError):
            continue
    return tuple(found)


def _doubled(cores: int) -> list[int]:
    return [2**power for power in range(cores.bit_length()) if 2**power <= cores]

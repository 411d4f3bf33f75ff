"""The kernels a net needs: what the table lacks of them is profiled."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from edgeprune.devices import Device
from edgeprune.latency.net import PrunableNet
from edgeprune.latency.profiling import profile_kernels, profiles_wanted, random_widths
from edgeprune.latency.table import KernelTable


def profile_missing(
    device: Device,
    table: KernelTable,
    net: PrunableNet,
    candidate: Callable[[dict[str, int]], bytes],
    choices: Mapping[str, Sequence[int]],
    *,
    branches: Sequence[Sequence[str]] = (),
    seed: int = 0,
    seconds: float = 240.0,
) -> None:
    """Profile what a table lacks of a net; nothing where the device cannot tell layers apart.

    Args:
        device: open.
        table: of its kernels; gets those of the net.
        net: the net.
        candidate: makes the ONNX file of widths.
        choices: allowed widths per group, ascending.
        branches: groups whose width 0 removes a branch.
        seed: of the widths that are profiled.
        seconds: for profiling.

    Raises:
        MeasurementError: as `Device.profile`.
    """
    wanted = profiles_wanted(net, table)
    if wanted:
        generator = np.random.default_rng(seed)
        # Full widths first: the base's own kernels are what every ratio is taken to.
        drawn = (random_widths(choices, generator, branches) for _ in range(wanted - 1))
        profile_kernels(device, net, candidate, [net.full, *drawn], table, seconds)

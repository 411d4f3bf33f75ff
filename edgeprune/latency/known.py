"""The kernels a net needs: from the history where it knows them, from the device where not."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from edgeprune.devices import Device
from edgeprune.history import History, target_facts, target_key
from edgeprune.latency.net import PrunableNet
from edgeprune.latency.profiling import profile_kernels, profiles_wanted, random_widths
from edgeprune.latency.table import KernelTable


def known_kernels(
    device: Device,
    history: History,
    net: PrunableNet,
    candidate: Callable[[dict[str, int]], bytes],
    choices: Mapping[str, Sequence[int]],
    *,
    branches: Sequence[Sequence[str]] = (),
    seed: int = 0,
    seconds: float = 240.0,
) -> KernelTable:
    """The kernel table of a device, with what a net needs; what is measured for it is kept.

    Args:
        device: open.
        history: of everything measured before.
        net: the net.
        candidate: makes the ONNX file of widths.
        choices: allowed widths per group, ascending.
        branches: groups whose width 0 removes a branch.
        seed: of the widths that are profiled.
        seconds: for profiling.

    Returns:
        The table; without times where the device's runtime cannot tell layers apart.

    Raises:
        MeasurementError: as `Device.profile`.
        HistoryError: the history cannot be read or written.
    """
    facts = target_facts(device.conditions())
    key = target_key(facts)
    history.target(key, facts)
    table = KernelTable.load(history, key)
    profile_missing(
        *(device, table, net, candidate, choices), branches=branches, seed=seed, seconds=seconds
    )
    table.save(history, key)
    return table


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
    """Profile what a table lacks of a net; see `known_kernels`.

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

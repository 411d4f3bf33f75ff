"""Filling the kernel table: differently cut nets, profiled layer by layer on the device.

A profile gives the times of all layers at once, each in its true surroundings: what a kernel
takes depends on how the layer before it left the data. It costs less than comparing two nets.
"""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from edgeprune.devices import Device
from edgeprune.latency.costs import Floats
from edgeprune.latency.kernels import Kernel
from edgeprune.latency.net import PrunableNet
from edgeprune.latency.net_model import NetModel
from edgeprune.latency.table import KernelTable

#: Nets that are profiled where a layer's kernels are unknown.
PROFILES = 60
#: Nets that are where all are known, for what is spent beside the layers.
_FEWER_PROFILES = 15
_SMALLEST_SHARE = 0.1
#: Draws in which all widths are multiples of one number, and that number: at random so few layers
#: are aligned on both of their sides that the fast code of a kernel would hardly be seen, which is
#: where a search goes.
_SHARE_ALIGNED = 1 / 3
_ALIGNED = (4, 8, 16)
#: Draws in which branches are removed, and the share of the branches there.
_SHARE_WITH_REMOVALS = 1 / 3
_REMOVED_THERE = 0.3


def random_widths(
    choices: Mapping[str, Sequence[int]],
    generator: np.random.Generator,
    branches: Sequence[Sequence[str]] = (),
) -> dict[str, int]:
    """Widths as a probe wants them: each group's uniformly random.

    In half of the draws they lie above a random share of the full ones: wide nets are seen too.
    In a third of them the widths are multiples of 4, 8 or 16 where a group has such, and in a third
    some branches are removed: what that saves beside the layers is seen, too.

    Args:
        choices: allowed widths per group, ascending.
        generator: of random numbers.
        branches: groups whose width 0 removes a branch.
    """
    lowest = _SMALLEST_SHARE
    if generator.random() < 0.5:
        lowest = float(generator.uniform(_SMALLEST_SHARE, 1.0))
    aligned = generator.random() < _SHARE_ALIGNED
    multiple = int(generator.choice(_ALIGNED)) if aligned else 1
    found = {}
    for name, allowed in choices.items():
        wide = [width for width in allowed if width >= lowest * allowed[-1]]  # never 0
        found[name] = int(generator.choice([one for one in wide if one % multiple == 0] or wide))
    if branches and generator.random() < _SHARE_WITH_REMOVALS:
        for branch in branches:
            if generator.random() < _REMOVED_THERE:
                found.update(dict.fromkeys(branch, 0))
    return found


def profiles_wanted(net: PrunableNet, table: KernelTable) -> int:
    """How many nets are to be profiled before the table can tell the latency of a net.

    Kernels of other nets serve a new one; what is spent beside them is each architecture's own.

    Returns:
        0 where enough is known, else up to `PROFILES`.
    """
    known = {_place(kernel) for kernel in table.times}
    unseen = any(_place(kernel) not in known for kernel in net.kernels(net.full))
    done = sum(rest.net == net.signature for rest in table.rests)
    return max(0, (PROFILES if unseen else _FEWER_PROFILES) - done)


def profile_kernels(
    device: Device,
    net: PrunableNet,
    candidate: Callable[[dict[str, int]], bytes],
    widths: Iterable[dict[str, int]],
    table: KernelTable,
    seconds: float = 240.0,
) -> int:
    """Profile differently cut nets and add their kernels to the table.

    Args:
        device: open.
        net: the net.
        candidate: makes the ONNX file of widths.
        widths: of the nets to profile.
        table: gets the kernels.
        seconds: no further net is begun after so long.

    Returns:
        How many nets were profiled; 0 where the device's runtime cannot tell layers apart.

    Raises:
        MeasurementError: as `Device.profile`.
    """
    end = time.monotonic() + seconds
    found: list[_Profile] = []
    for one in widths:
        if time.monotonic() >= end:
            break
        layers = device.profile(candidate(one))
        if not layers:
            break
        by_node = {layer.name: layer.ms for layer in layers}
        times = np.array([by_node.pop(node, 0.0) for node in net.nodes])
        found.append(_Profile(one, net.kernels(one), times, sum(by_node.values())))
    levels = _levels(net, found)
    for profile, level in zip(found, levels, strict=True):
        table.add(net.signature, profile.kernels, profile.times / level, profile.rest / level)
    return len(found)


@dataclass(frozen=True, eq=False)
class _Profile:
    widths: dict[str, int]
    kernels: tuple[Kernel, ...]
    times: Floats
    rest: float


def _levels(net: PrunableNet, profiles: Sequence[_Profile], rounds: int = 2) -> Floats:
    """How much slower the device was while it ran each net, as a factor near 1.

    Other work slows all layers of a run alike. The factor is the median, weighted by time, of
    what the layers took over what the kernels of all nets say.
    """
    levels = np.ones(len(profiles))
    if not profiles or not any((profile.times > 0).any() for profile in profiles):
        return levels
    for _ in range(rounds):
        table = KernelTable()
        for profile, level in zip(profiles, levels, strict=True):
            table.add(net.signature, profile.kernels, profile.times / level, profile.rest / level)
        model = NetModel(net, table)
        for number, profile in enumerate(profiles):
            expected = np.maximum(model.layer_ms(profile.widths), 1e-12)
            # Layers that the runtime's profile does not name would make it nothing at all.
            expected = np.where(profile.times > 0, expected, 1e-12)
            levels[number] = _weighted_median(profile.times / expected, expected) or 1.0
        levels /= np.median(levels)
    return levels


def _weighted_median(values: Floats, weights: Floats) -> float:
    order = np.argsort(values)
    total = np.cumsum(weights[order])
    return float(values[order][np.searchsorted(total, total[-1] / 2)])


def _place(kernel: Kernel) -> tuple[object, ...]:
    return (kernel.kind, kernel.area, kernel.stride, kernel.size, kernel.batch)

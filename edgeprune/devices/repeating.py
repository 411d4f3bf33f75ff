"""A comparison that decides something: repeated until its ratio is known well."""

from edgeprune.config import TargetConfig
from edgeprune.devices.device import Device
from edgeprune.devices.measurement import Comparison

#: A comparison is repeated at most so often.
MOST = 6
#: The ends of the ratio's interval are this near to each other, as a share, where it is known well.
PRECISE = 0.02


def compare_on(
    target: TargetConfig, device: Device, candidate: bytes, baseline: bytes
) -> Comparison:
    """Compare two models as the target asks for: once where latency is counted or computed.

    Args:
        target: the device's profile.
        device: open.
        candidate: what the device runs.
        baseline: what it is held against.

    Raises:
        MeasurementError: the device gave no latency that can be trusted.
    """
    if target.virtual or target.kind == "simulated":
        return device.compare(candidate, baseline)
    return compare_well(device, candidate, baseline)


def compare_well(
    device: Device, candidate: bytes, baseline: bytes, *, fewest: int = 2
) -> Comparison:
    """Compare two models as often as it takes.

    Another process on the device may slow a small network by a tenth, or a third, for as long as
    one comparison lasts; of several, the runs that nothing disturbed count.

    Args:
        device: open.
        candidate: what the device runs.
        baseline: what it is held against.
        fewest: comparisons that are made in any case.

    Returns:
        All samples of all comparisons.

    Raises:
        MeasurementError: the device gave no latency that can be trusted.
    """
    parts: list[Comparison] = []
    while len(parts) < MOST:
        parts.append(device.compare(candidate, baseline))
        low, high = Comparison.pooled(parts).ratio_interval
        if len(parts) >= fewest and high <= low * (1 + PRECISE):
            break
    return Comparison.pooled(parts)

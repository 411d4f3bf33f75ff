"""What makes a latency worthless: throttling, heat, a clock that changed or jumped meanwhile."""

from typing import Any

from edgeprune.config.target import EnvironmentConfig
from edgeprune.errors import DeviceFailedError, UnsteadyError

#: A governor that holds one frequency; under it another one means throttling.
_STEADY_GOVERNORS = {"performance", "userspace"}
_LARGEST_DROP = 0.05
#: A device's clock and ours may disagree on how long a measurement took by so many seconds, for
#: what the network takes, and by this share.
_SLACK_S, _SLACK = 1.0, 0.05


def refuse_disturbed(
    before: dict[str, Any], after: dict[str, Any], environment: EnvironmentConfig
) -> None:
    """Refuse a measurement that the device's own state spoils.

    Args:
        before: state before the timed runs, as the worker tells it; None where not readable.
        after: state after them.
        environment: what the profile allows.

    Raises:
        UnsteadyError: it was throttled, too hot, or changed its clock.
    """
    for state in (before, after):
        if state.get("throttled"):
            msg = (
                "the device was throttled while it was measured (under-voltage or heat): use its "
                "own power supply, cool it, and begin again"
            )
            raise UnsteadyError(msg)
    heat, limit = after.get("temperature_c"), environment.max_temperature_c
    if heat is not None and limit is not None and heat > limit:
        msg = (
            f"the device is at {heat:.0f} degrees; its profile allows {limit:g} "
            "(environment.max_temperature_c): cool it, or wait"
        )
        raise UnsteadyError(msg)
    first, last = before.get("frequency_mhz"), after.get("frequency_mhz")
    steady = before.get("governor") in _STEADY_GOVERNORS
    if steady and first and last and abs(last / first - 1) > _LARGEST_DROP:
        msg = (
            f"the clock changed from {first:g} to {last:g} MHz while it was measured, under the "
            f"governor {before['governor']}: the device throttles; cool it"
        )
        raise UnsteadyError(msg)


def refuse_jump(device_s: float, host_s: float) -> None:
    """Refuse a measurement in which the device's clock jumped, or the device was suspended.

    Args:
        device_s: what it took by the device's clock.
        host_s: what it took by this machine's.

    Raises:
        DeviceFailedError: they are too far from each other.
    """
    if abs(device_s - host_s) > _SLACK_S + _SLACK * host_s:
        msg = (
            f"the device's clock went on by {device_s:.3g} s in {host_s:.3g} s: it jumped, or one "
            "of the two machines was suspended"
        )
        raise DeviceFailedError(msg)

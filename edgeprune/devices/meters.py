"""What a device tells beside latency: the memory of activations, and energy."""

from typing import Protocol, runtime_checkable

from edgeprune.config import TargetConfig
from edgeprune.errors import TargetError


@runtime_checkable
class Meter(Protocol):
    """A device that tells more than latency."""

    def peak_memory(self, model: bytes) -> int:
        """Most bytes that activations take at once, as the runtime allocates them.

        Raises:
            TargetError: the runtime does not tell.
            MeasurementError: as `Device.compare`.
        """
        ...

    def energy(self, model: bytes) -> float:
        """Joules of one run, by the device's own sensor.

        Raises:
            TargetError: it has none that can be read; the text says what was looked for.
            MeasurementError: as `Device.compare`.
        """
        ...


def meter_of(device: object, target: TargetConfig) -> Meter:
    """The device as one that tells memory and energy.

    Raises:
        TargetError: this kind of device does not.
    """
    if not isinstance(device, Meter):
        msg = (
            f"target {target.name!r} tells latency alone; allowed for a budget on memory or "
            "energy: a target with a worker (kind local, ssh, command or board)"
        )
        raise TargetError(msg)
    return device

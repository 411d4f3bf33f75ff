"""A device that is given another try: what fails now and then is no end of a run."""

import threading
import time
from collections.abc import Callable
from typing import Any, Self, TypeVar

import numpy as np

from edgeprune.config import TargetConfig
from edgeprune.devices.artifacts import Note, quiet
from edgeprune.devices.device import Device, open_device
from edgeprune.devices.disturbance import refuse_disturbed
from edgeprune.devices.measurement import Comparison, LayerTime
from edgeprune.devices.meters import meter_of
from edgeprune.devices.remote import RemoteDevice
from edgeprune.errors import (
    DeviceFailedError,
    MeasurementError,
    TargetError,
    UnreachableError,
    UnsteadyError,
)

#: Each pause before a further try is so many times the one before, up to a limit in seconds.
_LONGER, _LONGEST_S = 4, 60.0
#: Longest pause between two looks at a device that is away, or that cools; how often to tell.
_LOOK_S, _TELL_S = 10.0, 60.0

Result = TypeVar("Result")


class PatientDevice:
    """A device whose own failures are waited out (`PatienceConfig`).

    A measurement that the device spoilt is begun again, after a pause that grows; a device that is
    away is waited for, one that is hot may cool. Samples of a failed try are never used. What the
    candidate or the profile is to blame for is not tried again.

    Args:
        device: open; closed with this one.
        target: its profile.
        note: told of every failure and every longer pause.
    """

    def __init__(self, device: Device, target: TargetConfig, note: Note = quiet) -> None:
        self._device, self._target, self._note = device, target, note
        self._closed, self._turn = threading.Event(), threading.RLock()

    @property
    def size(self) -> int:
        """How many boards there are; threads that ask at the same time wait for one another."""
        return 1

    def compare(self, candidate: bytes, baseline: bytes) -> Comparison:
        """See `Device.compare`."""
        return self._patiently(lambda: self._device.compare(candidate, baseline))

    def profile(self, model: bytes) -> list[LayerTime]:
        """See `Device.profile`."""
        return self._patiently(lambda: self._device.profile(model))

    def outputs(self, model: bytes) -> list[np.ndarray]:
        """See `RemoteDevice.outputs`.

        Raises:
            TargetError: this kind of device computes none.
        """
        device = self._device
        if not isinstance(device, RemoteDevice):
            msg = f"target {self._target.name!r} computes no outputs"
            raise TargetError(msg)
        return self._patiently(lambda: device.outputs(model))

    def peak_memory(self, model: bytes) -> int:
        """See `edgeprune.devices.meters.Meter`."""
        return self._patiently(lambda: meter_of(self._device, self._target).peak_memory(model))

    def energy(self, model: bytes) -> float:
        """See `edgeprune.devices.meters.Meter`."""
        return self._patiently(lambda: meter_of(self._device, self._target).energy(model))

    def conditions(self) -> dict[str, Any]:
        """See `Device.conditions`."""
        return self._patiently(self._device.conditions)

    def close(self) -> None:
        """See `Device.close`; also ends a pause in another thread."""
        self._closed.set()
        self._device.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _patiently(self, action: Callable[[], Result]) -> Result:
        with self._turn:
            return self._in_turn(action)

    def _in_turn(self, action: Callable[[], Result]) -> Result:
        patience = self._target.patience
        pause_s = patience.pause_s
        for left in range(patience.retries, 0, -1):
            try:
                return self._once_there(action)
            except DeviceFailedError as error:
                self._note(f"{error}; {_tries(left)}")
                if isinstance(error, UnsteadyError):
                    self._cool(patience.cool_s)
                else:
                    self._sleep(pause_s)
                    pause_s = min(_LONGEST_S, _LONGER * pause_s)
        return self._once_there(action)

    def _once_there(self, action: Callable[[], Result]) -> Result:
        """Do it; wait for a device that is away."""
        away: _Away | None = None
        while True:
            try:
                return action()
            except UnreachableError as error:
                away = away or _Away(self._target.patience.away_s)
                self._wait_for(away, error)

    def _wait_for(self, away: "_Away", error: UnreachableError) -> None:
        """Wait until the device answers."""
        while not away.too_long():
            if away.worth_telling():
                gone = f"{away.gone_s():.0f} of at most {away.limit_s:g} s"
                self._note(f"{error}; waiting for it, {gone}")
            self._sleep(away.pause_s(self._target.patience.pause_s))
            try:
                self._device.conditions()
            except UnreachableError as again:
                error = again
            else:
                self._note(f"target {self._target.name!r} is back after {away.gone_s():.0f} s")
                return
        msg = f"{error}; it was waited for {away.limit_s:g} s (patience.away_s)"
        raise MeasurementError(msg) from error

    def _cool(self, limit_s: float) -> None:
        """Wait until the device is neither throttled nor too hot, or has had its time."""
        end = time.monotonic() + limit_s
        while (left := end - time.monotonic()) > 0:
            self._sleep(min(_LOOK_S, limit_s / 10, left))
            try:
                state = self._device.conditions()
                refuse_disturbed(state, state, self._target.environment)
            except UnsteadyError:
                continue
            except (MeasurementError, TargetError):
                return  # the next try tells what is wrong now
            return

    def _sleep(self, seconds: float) -> None:
        if self._closed.wait(seconds):
            msg = f"target {self._target.name!r} has been closed"
            raise TargetError(msg)


class _Away:
    """How long a device has been away during one try."""

    def __init__(self, limit_s: float) -> None:
        self.limit_s = limit_s
        self._since = time.monotonic()
        self._looks, self._told = 0, -_TELL_S

    def too_long(self) -> bool:
        """Whether it has had its time."""
        return self.gone_s() >= self.limit_s

    def gone_s(self) -> float:
        """Seconds since it was first missed."""
        return time.monotonic() - self._since

    def pause_s(self, first_s: float) -> float:
        """Until the next look: soon at first, and in time for the last one."""
        growing = min(_LOOK_S, first_s * 2.0 ** min(self._looks, 16))
        self._looks += 1
        return max(0.0, min(growing, self.limit_s - self.gone_s()))

    def worth_telling(self) -> bool:
        """At once, then every minute."""
        if self.gone_s() - self._told < _TELL_S:
            return False
        self._told = self.gone_s()
        return True


def open_patiently(target: TargetConfig, note: Note = quiet) -> PatientDevice:
    """Reach a target, for a run that is to survive what may happen to it.

    Args:
        target: its profile.
        note: told what takes long and what went wrong.

    Raises:
        TargetError: as `open_device`, at once: a target that was never reached is not waited for.
    """
    return PatientDevice(open_device(target, note), target, note)


def _tries(left: int) -> str:
    return "one more try" if left == 1 else f"up to {left} more tries"

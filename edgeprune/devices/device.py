"""What every kind of target can do, and opening one."""

from typing import Any, Protocol, Self

from edgeprune.config import TargetConfig
from edgeprune.devices.artifacts import Note, quiet
from edgeprune.devices.measurement import Comparison, LayerTime
from edgeprune.devices.reach import interpreter_of
from edgeprune.devices.remote import RemoteDevice
from edgeprune.devices.simulated import SimulatedDevice
from edgeprune.errors import TargetError


class Device(Protocol):
    """A place where ONNX files are timed; a context manager that closes itself."""

    def compare(self, candidate: bytes, baseline: bytes) -> Comparison:
        """Time two ONNX files in turns.

        Raises:
            MeasurementError: no latency that can be trusted: the worker was lost, did not answer
                in time, could not build a model, or a time was zero or NaN.
        """
        ...

    def profile(self, model: bytes) -> list[LayerTime]:
        """Mean time of every layer of an ONNX file, in execution order.

        Raises:
            MeasurementError: as `compare`.
        """
        ...

    def conditions(self) -> dict[str, Any]:
        """What the device is and how it stands now, JSON-able.

        Always has ``kind``, ``runtime``, ``version``, ``cpu``, ``threads`` and ``clock``; what
        cannot be read is None.
        """
        ...

    def close(self) -> None:
        """Let go of the device; nothing of it is left running. May be called twice."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(self, *_: object) -> None: ...


def open_device(target: TargetConfig, note: Note = quiet) -> Device:
    """Reach a target and check that its runtime is there.

    Args:
        target: its profile.
        note: told what takes long, such as the tuning of kernels.

    Raises:
        TargetError: the target cannot be reached or lacks what its profile asks for.
    """
    if len(boards := target.boards) > 1:
        names = ", ".join(board.name for board in boards)
        msg = f"target {target.name!r} is a pool of boards ({names}); allowed here: a single one"
        raise TargetError(msg)
    if target.kind == "simulated":
        return SimulatedDevice(target)
    return RemoteDevice(target, interpreter_of(target), note)

"""Timing artifacts on the run's device, each format in the runtime that takes it."""

from contextlib import ExitStack
from typing import Any, Self

from numpy.typing import NDArray

from edgeprune.devices import Comparison, DevicePool, PatientDevice
from edgeprune.devices.runtimes import with_runtime_for
from edgeprune.pipeline.session import Session, open_boards


class ArtifactTimer:
    """The run's own device for files like its candidates', and for others with another runtime.

    Args:
        session: the open run.
    """

    def __init__(self, session: Session) -> None:
        self._session, self._stack = session, ExitStack()
        self._devices: dict[str, PatientDevice | DevicePool] = {session.form: session.device}

    def compare(self, form: str, candidate: bytes, baseline: bytes) -> Comparison:
        """Time two files of one format in turns.

        Raises:
            TargetError: the device has not the runtime that takes them.
            MeasurementError: no latency that can be trusted.
        """
        return self._device(form).compare(candidate, baseline)

    def outputs(self, form: str, content: bytes) -> list[NDArray[Any]]:
        """What a file computes on the device from the runtimes' fixed example input.

        Raises:
            TargetError: the device has not the runtime that takes it.
            MeasurementError: it does not run there.
        """
        return self._device(form).outputs(content)

    def _device(self, form: str) -> PatientDevice | DevicePool:
        if form not in self._devices:
            boards = [with_runtime_for(board, form) for board in self._session.boards]
            device = open_boards(boards, self._session.reporter.say)
            self._stack.callback(device.close)
            self._devices[form] = device
        return self._devices[form]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

"""Timing artifacts on the run's device, each format in the runtime that takes it."""

from contextlib import ExitStack
from typing import Any, Self

from numpy.typing import NDArray

from edgeprune.devices import Comparison, Device, PatientDevice, open_patiently
from edgeprune.devices.runtimes import with_runtime_for
from edgeprune.errors import TargetError
from edgeprune.pipeline.session import Session


class ArtifactTimer:
    """The run's own device for ONNX files, the same device with another runtime for others.

    Args:
        session: the open run.
    """

    def __init__(self, session: Session) -> None:
        self._session, self._stack = session, ExitStack()
        self._devices: dict[str, Device] = {"onnx": session.device}

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
        device = self._device(form)
        if not isinstance(device, PatientDevice):
            msg = f"target {self._session.target.name!r} computes no outputs"
            raise TargetError(msg)
        return device.outputs(content)

    def _device(self, form: str) -> Device:
        if form not in self._devices:
            target = with_runtime_for(self._session.target, form)
            device = open_patiently(target, self._session.reporter.say)
            self._devices[form] = self._stack.enter_context(device)
        return self._devices[form]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

"""This machine as a target: the worker is another process of the same Python."""

from edgeprune.config import TargetConfig
from edgeprune.devices.remote import RemoteDevice


def open_local(target: TargetConfig) -> RemoteDevice:
    """Start a worker here.

    Raises:
        TargetError: the runtime is missing.
    """
    return RemoteDevice(target, "popen")

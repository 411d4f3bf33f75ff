"""Failures that the worker reports by kind; anything else it reports as a crash."""


class RuntimeMissing(Exception):
    """The runtime, or what the target's profile asks of it, is not on the device."""


class BuildFailed(Exception):
    """The runtime cannot load or run the model."""

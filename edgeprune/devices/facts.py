"""What a device says of itself when its worker starts: is it the one that was meant?"""

from collections.abc import Mapping
from typing import Any

from edgeprune.config import TargetConfig

#: What `platform.machine` calls an architecture elsewhere.
_ALSO_CALLED = {"arm64": "aarch64", "amd64": "x86_64", "armv8l": "armv7l"}
#: What makes latencies comparable: a device that comes back with another of these is another one.
_SAME = ("machine", "cpu", "board", "clock_kind", "runtime", "version", "providers", "threads")
_MENDS = {
    "No module named 'numpy'": "install it on the device: sudo apt install python3-numpy, or "
    "python3 -m pip install numpy",
    "SyntaxError": "the device's Python is too old; 3.8 or later is needed",
}


def wrong_device(target: TargetConfig, facts: Mapping[str, Any], before: Mapping[str, Any]) -> str:
    """Why this is not the device that was meant; empty where it is.

    Args:
        target: its profile.
        facts: what it says of itself now.
        before: what it said before its worker was lost; empty at first.
    """
    found, wanted = facts["machine"].lower(), target.architecture
    if wanted is not None and _ALSO_CALLED.get(found, found) != wanted:
        return f"the device is {found}; its profile says architecture: {wanted}"
    for name in _SAME if before else ():
        if facts.get(name) != before.get(name):
            return (
                f"the device came back with {name} {facts.get(name)!r}, it had "
                f"{before.get(name)!r}: latencies from before and after cannot be compared; put "
                "that back, or begin a new run"
            )
    return ""


def with_mend(text: str) -> str:
    """What a Python on a device says before the worker runs, with what mends it."""
    for sign, mend in _MENDS.items():
        if sign in text:
            return f"{text}; {mend}"
    return text

"""What runs in a worker's process: it holds what it was built with, and works with it.

Its source is sent to the worker, where another edgeprune may be installed, or none: it imports
the standard library alone before that has been looked at.
"""

import os
import platform
import sys
from pathlib import Path
from typing import Any

#: The number of this boot of the machine: equal where two processes share its processors.
_BOOT = Path("/proc/sys/kernel/random/boot_id")


class Worker:
    """Holds one object, and calls its methods."""

    def __init__(self) -> None:
        self._held: Any = None

    def about(self) -> dict[str, Any]:
        """Who answers: its machine, its process, and its edgeprune's version, None without one."""
        try:
            import edgeprune

            version = getattr(edgeprune, "__version__", None)
        except ImportError:
            version = None
        return {
            "machine": machine(),
            "host": platform.node(),
            "process": os.getpid(),
            "edgeprune": version,
        }

    def find(self, path: list[str]) -> None:
        """Look for modules where the driver finds them, before Ray makes anything of theirs."""
        sys.path += [folder for folder in path if folder not in sys.path]

    def hold(self, held: Any) -> None:
        """Take what the work is done with."""
        self._held = held

    def work(self, method: str, *args: Any, **settings: Any) -> Any:
        """Call a method of the object."""
        return getattr(self._held, method)(*args, **settings)


def machine() -> str:
    """What tells this machine from others."""
    try:
        return _BOOT.read_text().strip()
    except OSError:
        return platform.node()

"""First code on the device: turns the sources that follow into modules and serves requests.

execnet executes this file with ``channel`` in its globals. The first message is a dict with
``modules`` (pairs of name and source, in the order of their imports), ``runtime`` (the module
with the class ``Runtime``) and ``settings`` for it.
"""

from __future__ import annotations

import signal
import sys
import types
from typing import Any

PACKAGE = "edgeprune_worker"


def boot(channel: Any) -> None:
    """Build the package from its sources and hand over to its ``serve``."""
    # Ctrl-C in a terminal reaches every process of the group: only the parent decides.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # `python -c` puts the current folder first: a user's numpy.py there is not meant for us.
    sys.path[:] = [entry for entry in sys.path if entry != ""]
    first = channel.receive()
    package = types.ModuleType(PACKAGE)
    package.__path__ = []
    sys.modules[PACKAGE] = package
    for name, source in first["modules"]:
        module = types.ModuleType(PACKAGE + "." + name)
        module.__package__ = PACKAGE
        sys.modules[module.__name__] = module
        exec(compile(source, PACKAGE + "/" + name + ".py", "exec"), module.__dict__)
    runtime = sys.modules[PACKAGE + "." + first["runtime"]]
    sys.modules[PACKAGE + ".serve"].serve(channel, runtime.Runtime, first["settings"])


if __name__ == "__channelexec__":
    boot(globals()["channel"])

"""A runtime whose clock follows from the model alone, for `kills.py`: real processes, equal runs.

The package that brings it is made by `install`; what is sent to the device is `WORKER`, which puts
a clock of its own into the worker's timing: a run takes as long as its file is large.
"""

from pathlib import Path

NAME = "clockwork"

_MODULE = """\
from edgeprune.devices.runtimes import RuntimeSpec

RUNTIME = RuntimeSpec("clockwork", ("onnx",), "clockwork_worker")
"""

WORKER = '''\
"""Sent to the device: a runtime that computes nothing."""

import time

from . import timing


class Clock:
    """Moves when a model runs, and only then."""

    now = 0

    def perf_counter_ns(self):
        return self.now

    thread_time_ns = perf_counter_ns


CLOCK = timing.time = Clock()


class Runtime:
    def __init__(self, settings):
        pass

    def describe(self):
        facts = {"runtime": "clockwork", "version": "1", "threads": 1, "single_thread": True}
        return facts

    def build(self, model):
        nanoseconds = 20000 + 10 * len(model)

        def run():
            time.sleep(0.0003)  # so that there is time to be killed in
            CLOCK.now += nanoseconds

        return run

    def outputs(self, model):
        return []

    def profile(self, model, runs, folder):
        return []
'''

#: Between driver and device, as an SSH client is: it ends when either of the others does.
RELAY = """\
import subprocess, sys, threading

pipe = subprocess.PIPE
device = subprocess.Popen([sys.executable, *sys.argv[1:]], stdin=pipe, stdout=pipe)


def copy(source, sink):
    while data := source.read1(65536):
        try:
            sink.write(data)
            sink.flush()
        except OSError:
            break
    sink.close()


threading.Thread(target=copy, args=(sys.stdin.buffer, device.stdin), daemon=True).start()
copy(device.stdout, sys.stdout.buffer)
sys.exit(device.wait() & 255)
"""


def install(folder: Path) -> dict[str, str]:
    """Write the package, as an installer would, and profiles of two targets with this runtime.

    Args:
        folder: to be on the module path.

    Returns:
        Files of the profiles by what can be killed there: ``worker`` is on this machine,
        ``device`` behind a relay.
    """
    import sys

    folder.mkdir(exist_ok=True)
    about = folder / "clockwork-1.dist-info"
    about.mkdir(exist_ok=True)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: clockwork\nVersion: 1\n")
    (about / "entry_points.txt").write_text("[edgeprune.runtimes]\nclockwork=clockwork:RUNTIME\n")
    (folder / "clockwork.py").write_text(_MODULE)
    (folder / "clockwork_worker.py").write_text(WORKER)
    relay = folder / "relay.py"
    relay.write_text(RELAY)
    measure = "measure: {probe_s: 0, warmup: 5, runs: 30}\n"
    reach = {
        "worker": "kind: local\n",
        "device": f"kind: command\ncommand: {{python: ['{sys.executable}', '{relay}']}}\n",
    }
    profiles = {}
    for name, how in reach.items():
        file = folder / f"{name}.yaml"
        file.write_text(f"name: {name}\n{how}runtime: {NAME}\n{measure}")
        profiles[name] = str(file)
    return profiles

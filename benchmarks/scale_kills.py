"""A search whose workers, devices and driver are killed at random: no benchmark itself.

    python benchmarks/scale_kills.py FOLDER ADDRESS TRIALS

is the driver that `kill` starts again and again: four of Ray's workers, and four devices that are
processes of their own, on the runtime of `clockwork.py`.
"""

import os
import queue
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

#: How often which process is killed.
_VICTIMS = ("worker",) * 10 + ("device",) * 9 + ("driver",)
_WORKERS = _DEVICES = 4
_SCORE_S = 0.1
_LONGEST_S = 1800.0


class Held:
    """What workers hold: sleeps, and needs nothing of edgeprune."""

    def score(self, seconds: float) -> None:
        time.sleep(seconds)


@dataclass
class Ending:
    """What became of a run that was killed.

    Attributes:
        lost: trials that are missing.
        double: trials that count more than once.
        set_aside: candidates without an outcome.
        kills: by victim.
        seconds: that it took.
    """

    lost: int
    double: int
    set_aside: int
    seconds: float
    kills: Counter[str] = field(default_factory=Counter)


def kill(address: str, trials: int, kills: int, seed: int) -> Ending:
    """Run a search to its end, with so many kills on the way.

    Args:
        address: of a Ray that this process has started.
        trials: of the search.
        kills: SIGKILLs.
        seed: of moments and victims.
    """
    from benchmarks.clockwork import install
    from edgeprune.search.journal import SearchTrial, read_entries

    draw, done = random.Random(seed), Counter[str]()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        install(folder / "site")
        start = time.monotonic()
        driver = _start(folder, address, trials)
        # Between trials, so that a slow machine has as many kills in as many trials.
        moments = sorted(draw.uniform(0, 0.95 * trials) for _ in range(kills))
        while done.total() < kills and driver.poll() is None:
            time.sleep(draw.uniform(0.02, 0.3))
            if _answered(folder) <= moments[done.total()]:
                continue
            victim = draw.choice(_VICTIMS)
            found = {"driver": [driver.pid]}.get(victim) or list(_processes(victim, driver.pid))
            if not found:
                continue
            os.kill(draw.choice(found), signal.SIGKILL)
            done[victim] += 1
            if victim == "driver":
                driver.wait()
                driver = _start(folder, address, trials)
        _, errors = driver.communicate(timeout=_LONGEST_S)
        if driver.returncode:
            raise RuntimeError(errors.decode()[-2000:])
        entries = read_entries(folder / "search")
        counted = [one for one in entries if isinstance(one, SearchTrial)]
        different = {tuple(one.widths.values()) for one in counted}
        seconds = time.monotonic() - start
    return Ending(
        lost=trials - len(different),
        double=len(counted) - len(different),
        set_aside=len(entries) - len(counted),
        seconds=seconds,
        kills=done,
    )


def _answered(folder: Path) -> int:
    """Lines of the journal; the first is the study's."""
    try:
        return (folder / "search" / "journal.log").read_bytes().count(b"\n") - 1
    except OSError:
        return 0


def _start(folder: Path, address: str, trials: int) -> "subprocess.Popen[bytes]":
    path = os.pathsep.join((str(folder / "site"), str(ROOT)))
    return subprocess.Popen(
        [sys.executable, __file__, str(folder), address, str(trials)],
        env=os.environ | {"PYTHONPATH": path, "OMP_NUM_THREADS": "1"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )


def _processes(victim: str, driver: int) -> Iterator[int]:
    """Of Ray's workers, or of the devices, those that belong to this run."""
    owner, mark = (os.getpid(), b"ray::Worker") if victim == "worker" else (driver, b"exec(eval(")
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            pid = int(path.parent.name)
            if mark in path.read_bytes() and owner in _ancestors(pid):
                yield pid
        except OSError:
            continue


def _ancestors(pid: int) -> Iterator[int]:
    while pid > 1:
        try:
            pid = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
        except OSError:
            return
        yield pid


def _drive(folder: Path, address: str, trials: int) -> None:
    """The driver."""
    from edgeprune.config import load_target
    from edgeprune.devices import PatientDevice, open_patiently
    from edgeprune.execution import Crew, open_cluster
    from edgeprune.search import Outcome, Widths, make_sampler, run_search
    from edgeprune.testing.samplers import SmallNet, accuracy_reward

    net, free = SmallNet(), queue.SimpleQueue[PatientDevice]()
    problem, target = net.problem(), load_target(str(folder / "site" / "worker.yaml"))
    with ExitStack() as stack:
        cluster = stack.enter_context(open_cluster(address, _WORKERS))
        crew = stack.enter_context(Crew(cluster, Held(), _WORKERS))
        for _ in range(_DEVICES):
            free.put(stack.enter_context(open_patiently(target)))

        def evaluate(widths: Widths) -> Outcome:
            crew.work("score", _SCORE_S)
            device = free.get()
            try:
                device.compare(bytes(sum(widths.values())), bytes(1000))
            finally:
                free.put(device)
            return net.evaluate(widths)

        run_search(
            *(problem, make_sampler("random", problem, 0, trials, {}), evaluate),
            accuracy_reward,
            trials=trials,
            directory=folder / "search",
            outstanding=_WORKERS + _DEVICES,
        )


if __name__ == "__main__" and len(sys.argv) == 4:
    sys.path.remove(str(Path(__file__).parent))  # clockwork is the package that was installed
    _drive(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]))

"""Kills at random moments of a run: of the driver, the worker, and the device behind a connection.

    python benchmarks/kills.py [--kills 200] [--seed 0] [--keep FILE] --json

A small digits run on the simulated target, on a worker of this machine, and on a device behind a
relay (which stands for an SSH client). Where there is a worker, its clock follows from the model
alone, so that a run that was killed can be held to one that was not: the same trials of each
search, the same SHA-256 of every file of the bundle. SIGKILL goes to the driver, which is then
resumed, or to the worker, the relay or the device, while the driver goes on by itself. A kill
survives where the run ends as the undisturbed one did and leaves no process behind. ``--keep``
appends each kill as a line of JSON; a further call goes on after them.
"""

import argparse
import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from benchmarks.clockwork import install
from edgeprune.search import read_trials
from tests.conftest import ROOT, TINY

FILES = ("model.onnx", "plan.json", "weights.safetensors")
#: What is killed, and on which target.
VICTIMS = (
    *(("driver", "simulated"), ("driver", "worker"), ("driver", "device")),
    *(("worker", "worker"), ("relay", "device"), ("device", "device")),
)
_SMALL = TINY.replace("epochs: 3", "epochs: 1").replace("trials: 12", "trials: 8")
#: Most kills of one run.
_IN_A_ROW = 3
#: What execnet has every interpreter run first.
_MARK = "exec(eval("
_PATIENCE_S = 600.0


@dataclass
class Kill:
    """One kill.

    Attributes:
        victim: ``driver``, ``worker``, ``relay`` or ``device``.
        target: of the run.
        seconds: after the driver's start.
        stage: the last line of the run's log at that moment.
        survived: the run ended as it should.
        why: if not.
    """

    victim: str
    target: str
    seconds: float
    stage: str
    survived: bool = False
    why: str = ""


@dataclass
class Ending:
    """What a run leaves: trials by search, and digests by file."""

    trials: dict[str, object] = field(default_factory=dict)
    digests: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, run_dir: Path) -> "Ending":
        searches = sorted(one.parent for one in run_dir.glob("*/journal.log"))
        return cls(
            {
                one.name: [
                    (trial.number, trial.widths, trial.outcome.accuracy, trial.outcome.latency_ms)
                    for trial in read_trials(one)
                ]
                for one in searches
            },
            {name: hashlib.sha256((run_dir / name).read_bytes()).hexdigest() for name in FILES},
        )

    def differs(self, other: "Ending") -> str:
        """In what it is another one; nothing where it is the same."""
        parts = [name for name in other.trials if self.trials.get(name) != other.trials[name]]
        parts += [name for name in FILES if self.digests[name] != other.digests[name]]
        return ", ".join(parts)


class Matrix:
    """Runs to be killed, each held to an undisturbed one on its target.

    Args:
        folder: for runs, profiles and the runtime.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        profiles = install(folder / "site")
        self._pipelines = {}
        for target in ("simulated", "worker", "device"):
            text = _SMALL.replace("target: simulated", f"target: {profiles.get(target, target)}")
            self._pipelines[target] = folder / f"{target}.yaml"
            self._pipelines[target].write_text(text)
        self._undisturbed: dict[str, tuple[Ending, int]] = {}

    def kills(self, victim: str, target: str, generator: random.Random) -> list[Kill]:
        """One run, killed at one or more random moments; one that has ended cannot be killed.

        A moment is a line of the log and a fraction of a second: a machine that is busy takes
        longer for each, and is killed in all stages all the same.
        """
        wanted, lines = self._reference(target)
        run_dir = Path(tempfile.mkdtemp(prefix="run-", dir=self._folder)) / "run"
        made: list[Kill] = []
        process, start = self._start_or_resume(target, run_dir), time.monotonic()
        for line in sorted(generator.randrange(lines) for _ in range(_IN_A_ROW)):
            while len(_log(run_dir)) < line and process.poll() is None:
                time.sleep(0.01)
            time.sleep(generator.uniform(0, 0.5))
            if process.poll() is not None:
                break
            if not _kill(process.pid, victim):
                continue
            seconds = round(time.monotonic() - start, 2)
            made.append(Kill(victim, target, seconds, ["starting", *_log(run_dir)][-1]))
            if victim == "driver":
                process.wait()
                process, start = self._start_or_resume(target, run_dir), time.monotonic()
        why = self._judge(process, run_dir, wanted)
        for one in made:
            one.survived, one.why = not why, why
        return made

    def _judge(self, process: "subprocess.Popen[bytes]", run_dir: Path, wanted: Ending) -> str:
        try:
            _, errors = process.communicate(timeout=_PATIENCE_S)
        except subprocess.TimeoutExpired:
            process.kill()
            return f"not finished after {_PATIENCE_S:g} s"
        if process.returncode not in (0, 3):
            return f"exit status {process.returncode}: {errors.decode()[-300:]}"
        if differs := Ending.of(run_dir).differs(wanted):
            return f"other than undisturbed: {differs}"
        end = time.monotonic() + 5
        while left := [pid for pid in _workers() if _belongs(pid, self._folder)]:
            if time.monotonic() > end:
                return f"processes left behind: {left}"
            time.sleep(0.1)
        return ""

    def _reference(self, target: str) -> tuple[Ending, int]:
        """How an undisturbed run ends, and how many lines its log has."""
        if target not in self._undisturbed:
            run_dir = self._folder / f"undisturbed-{target}"
            process = self._start_or_resume(target, run_dir)
            _, errors = process.communicate(timeout=_PATIENCE_S)
            if process.returncode not in (0, 3):
                raise RuntimeError(errors.decode())
            self._undisturbed[target] = Ending.of(run_dir), len(_log(run_dir))
        return self._undisturbed[target]

    def _start_or_resume(self, target: str, run_dir: Path) -> "subprocess.Popen[bytes]":
        if (run_dir / "pipeline.yaml").exists():
            return self._start("resume", run_dir)
        return self._start("run", self._pipelines[target], "--run-dir", run_dir)

    def _start(self, *arguments: object) -> "subprocess.Popen[bytes]":
        path = os.pathsep.join((str(self._folder / "site"), str(ROOT)))
        return subprocess.Popen(
            [sys.executable, "-m", "edgeprune.cli.app", *map(str, arguments)],
            cwd=self._folder,
            env=os.environ | {"PYTHONPATH": path, "OMP_NUM_THREADS": "1", _OURS: str(self._folder)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )


#: In the environment of every process of a matrix, so that those left behind are found.
_OURS = "EDGEPRUNE_KILLS"


def _kill(driver: int, victim: str) -> bool:
    """SIGKILL one process of a run; false where it is not there at this moment."""
    below = [pid for pid in _workers() if driver in _ancestors(pid)]
    nearest = [pid for pid in below if _ancestors(pid)[:1] == [driver]]
    found = {"driver": [driver], "worker": nearest, "relay": nearest}
    found["device"] = [pid for pid in below if pid not in nearest]
    for pid in found[victim][:1]:
        os.kill(pid, signal.SIGKILL)
    return bool(found[victim])


def _workers() -> Iterator[int]:
    """Processes that run execnet's first line."""
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if _MARK in path.read_bytes().decode(errors="replace"):
                yield int(path.parent.name)
        except OSError:
            continue


def _belongs(pid: int, folder: Path) -> bool:
    try:
        environment = Path(f"/proc/{pid}/environ").read_bytes()
    except OSError:
        return False
    return f"{_OURS}={folder}".encode() in environment.split(b"\0")


def _ancestors(pid: int) -> list[int]:
    found: list[int] = []
    while pid > 1:
        try:
            pid = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
        except OSError:
            break
        found.append(pid)
    return found


def _log(run_dir: Path) -> list[str]:
    """The lines of a run's log, without their times."""
    try:
        lines = (run_dir / "log.txt").read_text().splitlines()
    except OSError:
        return []
    return [line[24:84] for line in lines]


def _kept(file: Path | None) -> list[Kill]:
    if file is None or not file.exists():
        return []
    return [Kill(**json.loads(line)) for line in file.read_text().splitlines()]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--keep", type=Path, help="kills are appended to this file")
    parser.add_argument("--quick", action="store_true", help="two kills")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    done = _kept(options.keep)
    wanted = 2 if options.quick else options.kills
    with tempfile.TemporaryDirectory() as folder:
        matrix, turn = Matrix(Path(folder)), len(done)
        while len(done) < wanted:
            victim, target = VICTIMS[turn % len(VICTIMS)]
            turn += 1
            for one in matrix.kills(victim, target, random.Random(f"{options.seed} {turn}")):
                done.append(one)
                print(json.dumps(asdict(one)), file=sys.stderr, flush=True)
                if options.keep is not None:
                    with options.keep.open("a") as file:
                        file.write(json.dumps(asdict(one)) + "\n")
    figures = {
        "kills_tried": len(done),
        "kills_survived": sum(one.survived for one in done),
        **{f"kills_of_{name}": count for name, count in Counter(k.victim for k in done).items()},
    }
    if options.json:
        print(json.dumps({"benchmark": "kills", "figures": figures}, indent=2))
        return
    for name, value in figures.items():
        print(f"{name:<20} {value}")


if __name__ == "__main__":
    main()

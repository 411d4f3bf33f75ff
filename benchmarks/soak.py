"""A driver that makes one short run after the other for hours: what of it stays behind.

    python benchmarks/soak.py [--minutes 120] [--keep FILE] [--quick] --json

Runs alternate between the simulated target and a worker of this machine; of every third one the
bundle is verified, and every fifth one is asked for once more, as a resume does. All share one
history. After each the driver's memory, descriptors, threads, child processes and temporary
files are counted. Growth is the median of the last quarter less that of the second: in the first
one libraries fill their caches. ``--keep`` appends a line of JSON for every run.
"""

import argparse
import contextlib
import gc
import json
import os
import shutil
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

import torch

import edgeprune as ep
from edgeprune.pipeline import verify_file
from tests.conftest import TINY

_SHORT = TINY.replace("trials: 12", "trials: 3").replace("epochs: 3", "epochs: 1")
_SHORT = _SHORT.replace("finetune: {epochs: 2", "finetune: {epochs: 1")
_TARGETS = ("simulated", "local")
_VERIFIED, _RESUMED = 3, 5
_FEWEST = 8


@dataclass(frozen=True)
class Held:
    """What the driver holds after a run.

    Attributes:
        memory_mb: resident, of the driver.
        descriptors: that are open.
        threads: of Python.
        processes: children, zombies among them.
        temp_files: in the temporary folder, folders among them.
        history_mb: of the file that all runs share, which may grow.
        seconds: that the run took.
    """

    memory_mb: float
    descriptors: int
    threads: int
    processes: int
    temp_files: int
    history_mb: float
    seconds: float

    @classmethod
    def now(cls, temp: Path, history: Path, seconds: float) -> "Held":
        gc.collect()
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        children = [
            int(one)
            for task in Path("/proc/self/task").iterdir()
            for one in (task / "children").read_text().split()
        ]
        return cls(
            memory_mb=round(pages * os.sysconf("SC_PAGE_SIZE") / 2**20, 2),
            descriptors=len(os.listdir("/proc/self/fd")) - 1,
            threads=threading.active_count(),
            processes=len(children),
            temp_files=sum(1 for _ in temp.rglob("*")),
            history_mb=round(history.stat().st_size / 2**20, 2),
            seconds=round(seconds, 2),
        )


def one_run(folder: Path, number: int) -> None:
    """A run from beginning to end; its directory goes."""
    target = _TARGETS[number % len(_TARGETS)]
    pipeline = folder / f"{target}.yaml"
    text = _SHORT.replace("target: simulated", f"target: {target}")
    pipeline.write_text(text.replace("history: none\n", f"history: {folder / 'history.db'}\n"))
    run_dir = folder / "runs" / str(number)
    settings = [f"search.seed={number}", "search.curves_s=2"]
    with contextlib.redirect_stdout(None):
        result = ep.run(pipeline, run_dir=run_dir, overrides=settings, progress=False)
        if number % _VERIFIED == 0:
            verify_file(result.directory / "model.onnx", result.directory, progress=False)
        if number % _RESUMED == 0:
            ep.resume(run_dir, progress=False)
    shutil.rmtree(run_dir)


def soak(folder: Path, seconds: float) -> Iterator[Held]:
    """What the driver holds after each run, until the time is over."""
    temp, end, number = folder / "tmp", time.monotonic() + seconds, 0
    temp.mkdir()
    tempfile.tempdir = os.environ["TMPDIR"] = str(temp)
    os.environ["XDG_DATA_HOME"] = str(folder / "data")
    while time.monotonic() < end or number < _FEWEST:
        start = time.monotonic()
        one_run(folder, number)
        yield Held.now(temp, folder / "history.db", time.monotonic() - start)
        number += 1


def growth(values: list[float]) -> float:
    """Median of the last quarter less that of the second one."""
    quarter = len(values) // 4
    return statistics.median(values[-quarter:]) - statistics.median(values[quarter : 2 * quarter])


def figures(held: list[Held]) -> dict[str, float]:
    """All figures of a soak."""
    found: dict[str, float] = {
        "soak_runs": len(held),
        "soak_minutes": round(sum(one.seconds for one in held) / 60, 1),
    }
    for name, called in (
        ("memory_mb", "soak_growth_mb"),
        ("descriptors", "soak_growth_descriptors"),
        ("threads", "soak_growth_threads"),
        ("processes", "soak_growth_processes"),
        ("temp_files", "soak_growth_temp_files"),
        ("seconds", "soak_growth_seconds"),
    ):
        found[called] = round(growth([float(getattr(one, name)) for one in held]), 2)
    found["soak_memory_mb"] = held[-1].memory_mb
    found["soak_history_mb"] = held[-1].history_mb
    return found


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=120.0)
    parser.add_argument("--keep", type=Path, help="a line for every run is appended to this file")
    parser.add_argument("--quick", action="store_true", help="one minute")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args()
    torch.set_num_threads(1)
    held = []
    with tempfile.TemporaryDirectory(prefix="edgeprune-soak-") as folder:
        for one in soak(Path(folder), 60 * (1 if options.quick else options.minutes)):
            held.append(one)
            if options.keep is not None:
                with options.keep.open("a") as file:
                    file.write(json.dumps(asdict(one)) + "\n")
    found = figures(held)
    if options.json:
        print(json.dumps({"benchmark": "soak", "figures": found}, indent=2))
        return
    for name, value in found.items():
        print(f"{name:<28} {value}")


if __name__ == "__main__":
    main()

"""A run as a kill at each of several moments would leave it, from one process."""

import shutil
import signal
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path


def frozen_copies(
    process: "subprocess.Popen[str]", run_dir: Path, moments: Sequence[str], folder: Path
) -> dict[str, Path]:
    """Stop a process at each moment, copy what is on disk, let it go on; kill it after the last.

    A process that is stopped has as little chance to tidy up as one that is killed.

    Args:
        process: works in `run_dir`.
        run_dir: the run directory.
        moments: texts of its log, in the order in which they come.
        folder: gets the copies.
    """
    copies: dict[str, Path] = {}
    log, deadline = run_dir / "log.txt", time.monotonic() + 200
    for number, moment in enumerate(moments):
        while not (log.exists() and moment in log.read_text()):
            assert process.poll() is None, process.communicate()[1]
            assert time.monotonic() < deadline, f"{moment} never came"
            time.sleep(0.002)
        if process.poll() is None:
            process.send_signal(signal.SIGSTOP)
        copies[moment] = shutil.copytree(run_dir, folder / str(number))
        if process.poll() is None:
            process.send_signal(signal.SIGCONT)
    process.kill()
    process.communicate()
    return copies

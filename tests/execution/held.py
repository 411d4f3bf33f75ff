"""What the workers of these tests hold."""

import os
import signal
import time
from pathlib import Path

import torch

from edgeprune.errors import WorkloadError


class Held:
    """Does small things; the folder is what all workers share."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.made = 0

    def __setstate__(self, state: dict[str, object]) -> None:
        vars(self).update(state)
        self.made += 1

    def double(self, number: int, pause_s: float = 0.0) -> tuple[int, int]:
        time.sleep(pause_s)
        return 2 * number, os.getpid()

    def threads(self) -> int:
        return torch.get_num_threads()

    def once(self) -> int:
        return self.made

    def dies(self, times: int) -> int:
        """End the worker's process, that often."""
        for number in range(times):
            mark = self.folder / f"died-{number}"
            if not mark.exists():
                mark.touch()
                os.kill(os.getpid(), signal.SIGKILL)
        return times

    def meets(self, others: int) -> int:
        """Wait for others that are doing the same, in other processes."""
        (self.folder / f"here-{os.getpid()}").touch()
        end = time.monotonic() + 60
        while len(list(self.folder.glob("here-*"))) < others and time.monotonic() < end:
            time.sleep(0.02)
        return len(list(self.folder.glob("here-*")))

    def refuses(self) -> None:
        msg = "an image cannot be read"
        raise WorkloadError(msg)


class DiesFirst(Held):
    """Ends the processes that it is first sent to."""

    def __init__(self, folder: Path, times: int) -> None:
        super().__init__(folder)
        self.times = times

    def __setstate__(self, state: dict[str, object]) -> None:
        super().__setstate__(state)
        self.dies(self.times)

"""Watching processes come and go."""

import time
from pathlib import Path


def is_running(pid: int) -> bool:
    """Whether a process is there and not a zombie."""
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return status.rpartition(")")[2].split()[0] != "Z"


def is_gone_soon(pid: int, patience_s: float = 10) -> bool:
    """Whether it ends while we wait; the patience is far above what it takes."""
    end = time.monotonic() + patience_s
    while is_running(pid):
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True

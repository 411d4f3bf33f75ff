"""How the boards of a pool stand, in a small file that `edgeprune devices` reads."""

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ValidationError

from edgeprune.devices.pool.board import Board
from edgeprune.devices.pool.pool import DevicePool
from edgeprune.errors import RunError

#: Seconds between two writings while something changes, and while nothing does.
_EVERY_S, _ALIVE_S = 0.5, 5.0

State = Literal["free", "measuring", "set aside", "being tried"]


class BoardStatus(BaseModel):
    """One board.

    Attributes:
        name: within the pool.
        device_id: tells it from others of its make.
        state: what it does.
        since_s: for so many seconds.
        reason: why it is set aside; empty where it is not.
        measured: comparisons so far.
        errors: how often it was set aside so far.
        last_error: why, the last time.
        latency_ms: of the model that it compared last.
        ratio: of that to the baseline's.
        temperature_c: when last seen.
    """

    name: str
    device_id: str | None = None
    state: State = "free"
    since_s: float = 0.0
    reason: str = ""
    measured: int = 0
    errors: int = 0
    last_error: str = ""
    latency_ms: float | None = None
    ratio: float | None = None
    temperature_c: float | None = None


class PoolStatus(BaseModel):
    """A pool at one moment.

    Attributes:
        at: when, seconds since 1970.
        waiting: measurements that wait for a board.
        closed: whether the process that ran has let go of the pool.
        boards: in the pool's order.
    """

    at: float
    waiting: int
    closed: bool = False
    boards: tuple[BoardStatus, ...]


def status_of(pool: DevicePool) -> PoolStatus:
    """How a pool stands now."""
    roster = pool.roster
    boards = tuple(map(_board, roster.boards))
    return PoolStatus(at=time.time(), waiting=roster.waiting, closed=roster.closed, boards=boards)


def read_status(path: Path) -> PoolStatus | None:
    """What a run last wrote of its pool; None where it wrote nothing.

    Raises:
        RunError: the file holds something else.
    """
    try:
        return PoolStatus.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, ValidationError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "it holds something else"
        msg = f"{path} does not tell how a pool stands: {reason}"
        raise RunError(msg) from error


@contextmanager
def keep_status(pool: DevicePool, path: Path) -> Iterator[None]:
    """Write a pool's status into a file, again and again, until the block ends."""
    changed, ended = threading.Event(), threading.Event()

    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")

    def write(*, closed: bool = False) -> None:
        with suppress(OSError):  # a full disk is told by what matters
            status = status_of(pool).model_copy(update={"closed": closed})
            partial.write_text(status.model_dump_json(indent=1))
            partial.replace(path)  # whole, if not on the disk: what it says is soon out of date

    def keep_on() -> None:
        while not ended.is_set():
            changed.clear()
            write()
            ended.wait(_EVERY_S)
            changed.wait(_ALIVE_S)

    def end() -> None:
        ended.set()
        changed.set()

    pool.roster.on_change = changed.set
    thread = threading.Thread(target=keep_on, name="edgeprune-status", daemon=True)
    thread.start()
    try:
        yield
    finally:
        end()
        thread.join()
        write(closed=True)


def _board(board: Board) -> BoardStatus:
    state: State = "measuring" if board.busy else "free"
    if board.aside:
        state = "being tried" if board.busy else "set aside"
    last = board.last
    return BoardStatus(
        name=board.name,
        device_id=board.device_id,
        state=state,
        since_s=round(time.monotonic() - board.since, 1),
        reason=board.aside,
        measured=board.measured,
        errors=board.errors,
        last_error=board.last_error,
        latency_ms=None if last is None else last.candidate.level_ms,
        ratio=None if last is None else last.ratio,
        temperature_c=board.temperature_c,
    )

"""The virtual board: a whole ARM machine in a process, reached by SSH, its clock exact.

qemu counts one nanosecond for each instruction, so what the board calls time is work: the same
run takes the same time whatever else this machine does.
"""

import re
import subprocess
import time

from edgeprune.boards.image import Image, image
from edgeprune.boards.machine import boot
from edgeprune.boards.recipe import RECIPE, Recipe
from edgeprune.boards.session import Board, Session
from edgeprune.boards.store import Note, locked, quiet, reported
from edgeprune.errors import TargetError

#: The board that the target profile of this name means.
NAME = "arm64-virtual"
_READY = "edgeprune-board-ready"
_POLL_S = 0.1
#: Lines of the serial line that a message repeats.
_TOLD_LINES = 5


def start(
    *,
    recipe: Recipe = RECIPE,
    port: int | None = None,
    name: str = NAME,
    timeout_s: float = 180.0,
    note: Note = quiet,
) -> Board:
    """Boot the virtual board in the background; the running one if it runs already.

    It outlives this process and ends with `stop`. Nothing but this machine reaches its SSH
    port, and it reaches nothing.

    Args:
        recipe: what is on it.
        port: of its SSH server on this machine; a free one if not given.
        name: letters, digits, ``.``, ``_`` and ``-``; boards of different names run side by side.
        timeout_s: limit for booting until the first login, seconds.
        note: told what takes long: the first call builds the board.

    Raises:
        TargetError: a program is missing, the board cannot be built or does not come up, the
            port is taken, or a board of that name runs with another port or recipe.
    """
    session = _session(name)
    if port is not None and not 1 <= port <= 65535:
        msg = f"virtual board: port {port} is not one; allowed: 1 to 65535"
        raise TargetError(msg)
    files = image(recipe, note)
    with reported(), locked(session.lock, note):
        running = session.board()
        if running is not None:
            _check_same(running, name, port, files)
            return running
        # One whose start was killed before it answered.
        session.end()
        session.prepare()
        note("booting the virtual board")
        try:
            taken = boot(session, files, recipe.architecture, port)
            board = _wait(session, files, taken, time.monotonic() + timeout_s, timeout_s)
            session.remember(board)
        except BaseException:
            session.end()
            raise
    return board


def status(name: str = NAME) -> Board | None:
    """The running board; None if there is none.

    Raises:
        TargetError: the name is not one, or the cache cannot be read.
    """
    return _session(name).board()


def stop(name: str = NAME) -> bool:
    """End the board and wait until it is gone; everything on it is lost.

    Returns:
        Whether there was one.

    Raises:
        TargetError: the name is not one, or the cache cannot be written.
    """
    session = _session(name)
    with reported(), locked(session.lock):
        return session.end()


def _session(name: str) -> Session:
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", name):
        msg = (
            f"{name!r} is not a name for a virtual board; "
            "allowed: up to 64 letters, digits, '.', '_' and '-', a letter or digit first"
        )
        raise TargetError(msg)
    return Session(name)


def _check_same(running: Board, name: str, port: int | None, files: Image) -> None:
    if port is not None and running.port != port:
        difference = f"on port {running.port}, not {port}"
    elif running.image != files.folder.name:
        difference = "with other contents"
    else:
        return
    msg = (
        f"virtual board {name!r} already runs {difference}; end it first: "
        f"edgeprune target stop {name}"
    )
    raise TargetError(msg)


def _wait(session: Session, files: Image, port: int, deadline: float, limit_s: float) -> Board:
    """Wait until one can log in.

    Raises:
        TargetError: the board ended or took too long.
    """
    pid = session.pid()
    while pid is not None and session.pid() == pid and time.monotonic() < deadline:
        if _READY in session.said():
            board = session.describe(pid, port, files.client_key, files.host_key, files.folder.name)
            if _answers(board, deadline):
                return board
        time.sleep(_POLL_S)
    how = "ended while it booted" if session.pid() is None else f"did not answer in {limit_s:g} s"
    last = "\n  ".join(session.said().splitlines()[-_TOLD_LINES:]) or "nothing"
    msg = f"the virtual board {how}; its last words:\n  {last}"
    raise TargetError(msg)


def _answers(board: Board, deadline: float) -> bool:
    left_s = max(1.0, deadline - time.monotonic())
    try:
        done = subprocess.run(
            board.ssh("true"),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=left_s,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return False
    return done.returncode == 0

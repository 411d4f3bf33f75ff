"""Who of a pool is free, who is measuring, who is set aside, and who waits for a board."""

import threading
import time
from collections.abc import Callable, Sequence

from edgeprune.devices.pool.board import Board
from edgeprune.errors import NoBoardError, TargetError


class Roster:
    """Lends the boards of a pool, to one borrower each at a time; for any number of threads.

    Args:
        boards: all of the pool.
        away_s: how long a borrower waits while all boards are set aside, seconds.
    """

    def __init__(self, boards: Sequence[Board], away_s: float) -> None:
        self.boards, self._away_s = tuple(boards), away_s
        self.waiting = 0
        self._changed = threading.Condition()
        self._idle = list(self.boards)
        self._closed = False
        self._all_aside_since = time.monotonic()
        #: Called after every change, by whoever made it.
        self.on_change: Callable[[], None] = lambda: None

    @property
    def closed(self) -> bool:
        """Whether nothing is lent any more."""
        return self._closed

    def there(self) -> tuple[Board, ...]:
        """The boards that are not set aside, in the pool's order."""
        return tuple(board for board in self.boards if not board.aside)

    def take(self, among: Sequence[Board] | None = None) -> Board | None:
        """Borrow a board that is free; waits for one.

        Args:
            among: the boards that will do; all if not given.

        Returns:
            It; None where those that were asked for are all set aside.

        Raises:
            NoBoardError: all boards have been set aside for too long.
            TargetError: the pool has been closed.
        """
        with self._changed:
            self.waiting += 1
            self.on_change()
            try:
                while True:
                    self.refuse_closed()
                    free = [one for one in self._idle if among is None or one in among]
                    if free:
                        # In turns, and the same ones whenever one thread asks alone.
                        board = min(free, key=lambda one: (one.measured, self.boards.index(one)))
                        self._idle.remove(board)
                        board.busy, board.since = True, time.monotonic()
                        return board
                    if among is not None and all(one.aside for one in among):
                        return None
                    self._changed.wait(None if self.there() else self._patience_left())
            finally:
                self.waiting -= 1
                self.on_change()

    def give_back(self, board: Board) -> None:
        """Return a board; one that was set aside meanwhile stays so."""
        with self._changed:
            board.busy = False
            if not board.aside:
                self._idle.append(board)
            self._changed.notify_all()
        self.on_change()

    def set_aside(self, board: Board, reason: str, error: Exception | None = None) -> bool:
        """Lend a board no more until it is `back`; whether it was lent before."""
        with self._changed:
            fresh = not board.aside
            board.fail(reason, error)
            if fresh:
                board.errors += 1
                if board in self._idle:
                    self._idle.remove(board)
                if not self.there():
                    self._all_aside_since = time.monotonic()
            self._changed.notify_all()
        self.on_change()
        return fresh

    def pause(self, board: Board) -> bool:
        """Wait until a board that is set aside may be tried; False where the pool closes first."""
        end = time.monotonic() + board.pause_s
        with self._changed:
            while not self._closed and (board.busy or time.monotonic() < end):
                self._changed.wait(max(0.0, end - time.monotonic()) or None)
            board.busy = not self._closed
            return not self._closed

    def back(self, board: Board) -> None:
        """Lend a board again."""
        with self._changed:
            board.aside, board.busy = "", False
            self._idle.append(board)
            self._changed.notify_all()
        self.on_change()

    def close(self) -> None:
        """Lend nothing any more; whoever waits is told so."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def refuse_closed(self) -> None:
        """Refuse to go on with a pool that has been closed."""
        if self._closed:
            msg = f"the pool of {', '.join(one.name for one in self.boards)} has been closed"
            raise TargetError(msg)

    def _patience_left(self) -> float:
        left = self._away_s - (time.monotonic() - self._all_aside_since)
        if left <= 0:
            reasons = "; ".join(f"{one.name}: {one.aside}" for one in self.boards)
            msg = (
                f"no board is left of the pool's {len(self.boards)}, and none came back within "
                f"{self._away_s:g} s (patience.away_s): {reasons}"
            )
            raise NoBoardError(msg)
        return left

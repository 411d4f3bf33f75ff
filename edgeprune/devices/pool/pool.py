"""A pool: measures on whichever board is free, goes on with another one where a board fails."""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any, Self, TypeVar

import numpy as np

from edgeprune.devices.artifacts import Note, quiet
from edgeprune.devices.device import Device
from edgeprune.devices.disturbance import refuse_disturbed
from edgeprune.devices.measurement import POOL_BOARD, Comparison, LayerTime, Measurement
from edgeprune.devices.meters import meter_of
from edgeprune.devices.pool.board import Board
from edgeprune.devices.pool.roster import Roster
from edgeprune.devices.remote import RemoteDevice
from edgeprune.devices.repeating import compare_on
from edgeprune.errors import (
    DeviceFailedError,
    MeasurementError,
    NoBoardError,
    TargetError,
    UnreachableError,
)

#: A board whose interval is so many times as wide as that of a steady one is noisy.
_MUCH_WIDER = 2.0

Result = TypeVar("Result")
#: Reaches a board, and holds it against those that are known.
Reach = Callable[[Board], None]


class DevicePool:
    """Boards of one type as one device; for several threads at once, each of which gets a board.

    A board that fails, does not answer, is hot or noisy is set aside with a reason, tried again
    after pauses that grow, and comes back; its measurement is begun again on another board. What a
    candidate is to blame for is told at once.

    Args:
        boards: reached or not; closed with the pool.
        reach: opens one that was never reached.
        note: told of every board that is set aside or comes back.
    """

    def __init__(self, boards: Sequence[Board], reach: Reach, note: Note = quiet) -> None:
        self._reach, self._note = reach, note
        self._patience = boards[0].target.patience
        self.roster = Roster(boards, self._patience.away_s)
        for board in boards:
            if board.device is None:
                self._set_aside(board, board.last_error, None)

    @property
    def size(self) -> int:
        """How many boards there are, those that are set aside included."""
        return len(self.roster.boards)

    def compare(self, candidate: bytes, baseline: bytes) -> Comparison:
        """See `Device.compare`: on a board that is free.

        Raises:
            MeasurementError: the candidate is to blame, or several boards failed with it.
            NoBoardError: the pool's last board is away, and does not come back.
        """
        return self._steady(lambda board: _opened(board).compare(candidate, baseline))

    def compare_everywhere(self, candidate: bytes, baseline: bytes) -> Comparison:
        """Compare on every board that is there, at the same time and as often as it takes.

        Returns:
            What the board with the largest ratio measured; the others' in ``others``.

        Raises:
            MeasurementError, NoBoardError: as `compare`.
        """

        def action(board: Board) -> Comparison:
            return compare_on(board.target, _opened(board), candidate, baseline)

        found = self._in_parallel(self.roster.there(), action)
        return Comparison.on_boards(found) if found else self._steady(action)

    def profile(self, model: bytes) -> list[LayerTime]:
        """See `Device.profile`: on the first board that is there, so that times go together."""
        return self._somewhere(lambda board: _opened(board).profile(model), first=True)[1]

    def outputs(self, model: bytes) -> list[np.ndarray]:
        """See `RemoteDevice.outputs`.

        Raises:
            TargetError: these devices compute none.
        """

        def action(board: Board) -> list[np.ndarray]:
            if not isinstance(board.device, RemoteDevice):
                msg = f"target {board.name!r} computes no outputs"
                raise TargetError(msg)
            return board.device.outputs(model)

        return self._somewhere(action)[1]

    def peak_memory(self, model: bytes) -> int:
        """See `edgeprune.devices.meters.Meter`: on the first board that is there."""

        def action(board: Board) -> int:
            return meter_of(_opened(board), board.target).peak_memory(model)

        return self._somewhere(action, first=True)[1]

    def energy(self, model: bytes) -> float:
        """See `edgeprune.devices.meters.Meter`: on the first board that is there."""

        def action(board: Board) -> float:
            return meter_of(_opened(board), board.target).energy(model)

        return self._somewhere(action, first=True)[1]

    def conditions(self) -> dict[str, Any]:
        """See `Device.conditions`: of the first board that is there."""
        return self._somewhere(lambda board: _opened(board).conditions(), first=True)[1]

    def close(self) -> None:
        """See `Device.close`; also ends what other threads measure or wait for."""
        self.roster.close()
        for board in self.roster.boards:
            if board.device is not None:
                board.device.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _steady(self, action: Callable[[Board], Comparison]) -> Comparison:
        """Where a board's interval is wide, another board tells whether that is the board's."""
        board, found = self._somewhere(action)
        others = [one for one in self.roster.there() if one is not board]
        if _half_width(found) <= self._patience.noisy or not others:
            return found
        second = self._in_parallel(others[:1], action)
        if not second:
            return found
        wide, less = _half_width(found), _half_width(second[0])
        if less <= self._patience.noisy and wide > _MUCH_WIDER * less:
            reason = f"noisy: its interval is ±{wide:.1%}, that of {others[0].name} ±{less:.1%}"
            self._set_aside(board, reason, None)
        return second[0] if less < wide else found

    def _somewhere(
        self, action: Callable[[Board], Result], *, first: bool = False
    ) -> tuple[Board, Result]:
        """Do it on a board that is free, and on another one where that fails."""
        left, unreachable = self._patience.retries, 0
        while True:
            board = self._borrow(first=first)
            try:
                return board, self._on(board, action)
            except UnreachableError:
                # Costs the candidate no try; but one that answers everything else is not asked for
                # ever.
                unreachable += 1
                if unreachable > self.size * (1 + self._patience.retries):
                    raise
            except DeviceFailedError:
                if left == 0:
                    raise
                left -= 1
            except TargetError:
                if all(one.aside and one.lasting for one in self.roster.boards):
                    raise

    def _borrow(self, *, first: bool) -> Board:
        board = self.roster.take(self.roster.there()[:1]) if first else None
        board = board or self.roster.take()
        assert board is not None  # any board will do: there is one, or an error
        return board

    def _on(self, board: Board, action: Callable[[Board], Result]) -> Result:
        """Do it on a board that was borrowed, and give that back."""
        try:
            found = action(board)
        except (DeviceFailedError, TargetError) as error:
            self.roster.refuse_closed()
            self._set_aside(board, str(error), error)
            raise
        else:
            board.succeed(found)
            return _named(found, board)
        finally:
            self.roster.give_back(board)

    def _in_parallel(
        self, boards: Sequence[Board], action: Callable[[Board], Result]
    ) -> list[Result]:
        """Do it on each of these boards; those that fail are left out, as they are set aside."""

        def one(board: Board) -> list[Result]:
            borrowed = self.roster.take([board])
            if borrowed is None:
                return []
            try:
                return [self._on(borrowed, action)]
            except (DeviceFailedError, TargetError):
                self.roster.refuse_closed()
                return []

        with ThreadPoolExecutor(max(1, len(boards)), "edgeprune-board") as threads:
            running = [threads.submit(one, board) for board in boards]
            try:
                return [found for each in running for found in each.result()]
            except BaseException as error:
                if not isinstance(error, Exception):
                    self.close()  # interrupted: there is nothing to wait for
                raise

    def _set_aside(self, board: Board, reason: str, error: Exception | None) -> None:
        if not self.roster.set_aside(board, reason, error):
            return
        self._note(
            f"{board.name} is set aside, {len(self.roster.there())} of {self.size} boards are "
            f"left: {reason}; tried again in {board.pause_s:.3g} s"
        )
        name = f"edgeprune-try-{board.name}"
        threading.Thread(target=self._bring_back, args=(board,), name=name, daemon=True).start()

    def _bring_back(self, board: Board) -> None:
        """Try a board until it is well again."""
        while self.roster.pause(board):
            try:
                self._try(board)
            except (TargetError, MeasurementError, NoBoardError) as error:
                self.roster.set_aside(board, str(error), error)
                self.roster.give_back(board)
                continue
            self.roster.back(board)
            self._note(f"{board.name} is back")
            return

    def _try(self, board: Board) -> None:
        if board.device is None:
            self._reach(board)
            if self.roster.closed and board.device is not None:
                board.device.close()
        state = _opened(board).conditions()
        board.temperature_c = state.get("temperature_c")
        refuse_disturbed(state, state, board.target.environment)


def _opened(board: Board) -> Device:
    assert board.device is not None  # one that was never reached is set aside
    return board.device


def _half_width(found: Comparison) -> float:
    """Of the ratio's interval, as a share of the ratio."""
    low, high = found.ratio_interval
    return (high - low) / (2 * found.ratio)


def _named(found: Result, board: Board) -> Result:
    """A comparison whose conditions tell the board."""
    if not isinstance(found, Comparison):
        return found
    return replace(
        found,
        candidate=_on_board(found.candidate, board),
        baseline=_on_board(found.baseline, board),
    )


def _on_board(one: Measurement, board: Board) -> Measurement:
    return replace(one, conditions={**one.conditions, POOL_BOARD: board.name})

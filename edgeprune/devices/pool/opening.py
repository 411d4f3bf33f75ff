"""Reaching the boards of a pool: all at once, and each held against the first."""

import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from edgeprune.config import TargetConfig
from edgeprune.devices.artifacts import Note, quiet
from edgeprune.devices.device import open_device
from edgeprune.devices.pool.board import Board
from edgeprune.devices.pool.pool import DevicePool
from edgeprune.errors import MeasurementError, TargetError, UnreachableError

#: What devices say of themselves that their latencies depend on: equal on boards of one type.
_OF_A_TYPE = (
    *("machine", "cpu", "board", "cores", "power_mode", "clock", "clock_kind"),
    *("runtime", "version", "providers", "threads", "precision"),
)


def open_pool(targets: Sequence[TargetConfig], note: Note = quiet) -> DevicePool:
    """Reach the boards of a pool; those that are away join it later.

    Args:
        targets: the boards' profiles, two at least.
        note: told what takes long, and of every board that is set aside or comes back.

    Raises:
        TargetError: no board can be reached, one lacks what its profile asks for, two are of
            different types, or two profiles lead to the same board.
    """
    boards = [Board(target) for target in targets]
    register = _Register(note)
    with ThreadPoolExecutor(len(boards), "edgeprune-reach") as threads:
        errors = list(threads.map(register.tried, boards))
    try:
        for error in errors:
            if isinstance(error, TargetError) and not isinstance(error, UnreachableError):
                raise error
        if all(board.device is None for board in boards):
            reasons = "; ".join(f"{one.name}: {one.last_error}" for one in boards)
            msg = f"none of the pool's {len(boards)} boards can be reached: {reasons}"
            raise UnreachableError(msg)
    except BaseException:
        for board in boards:
            if board.device is not None:
                board.device.close()
        raise
    return DevicePool(boards, register.reach, note)


class _Register:
    """The boards that were reached, by what they say of themselves."""

    def __init__(self, note: Note) -> None:
        self._note, self._lock = note, threading.Lock()
        self._known: list[tuple[Board, dict[str, Any]]] = []

    def tried(self, board: Board) -> Exception | None:
        """Reach a board, or note on it why it cannot be."""
        try:
            self.reach(board)
        except (TargetError, MeasurementError) as error:
            board.last_error = str(error)
            return error
        return None

    def reach(self, board: Board) -> None:
        """Reach a board and hold it against those that were reached before.

        Raises:
            TargetError: it cannot be reached, or does not belong to this pool.
        """
        device = open_device(board.target, self._note)
        try:
            facts = device.conditions()
            with self._lock:
                for other, known in self._known:
                    if wrong := _not_together(board, facts, other, known):
                        raise TargetError(wrong)
                self._known.append((board, facts))
        except BaseException:
            device.close()
            raise
        board.opened(device, facts)


def _not_together(
    board: Board, facts: Mapping[str, Any], other: Board, known: Mapping[str, Any]
) -> str:
    """Why two boards are no pool; empty where they are."""
    for name in _OF_A_TYPE:
        if facts.get(name) != known.get(name):
            return (
                f"boards of a pool are of one type: {board.name} says {name} "
                f"{facts.get(name)!r}, {other.name} {known.get(name)!r}; allowed: the same"
            )
    own = facts.get("device_id")
    if own is not None and own == known.get("device_id"):
        return f"the same board twice: {board.name} and {other.name} lead to one device ({own})"
    return ""

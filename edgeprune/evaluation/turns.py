"""Whose turn it is on this machine: what computes, and what must be measured undisturbed."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager


class Turns:
    """Keeps what several threads of a search do out of each other's way.

    Nothing of ours may compute on the machine that latency is measured on (decision 6 of the
    architecture), so on a local target the two take turns: a measurement waits for what computes,
    and goes before what would compute next. A remote target is not disturbed. What computes in
    this process does so one at a time: torch's thread count and seeds belong to all threads.

    Args:
        local: whether latency is measured on this machine.
        devices: how many measure at once; on a local target one does.
    """

    def __init__(self, *, local: bool = False, devices: int = 1) -> None:
        self._local = local
        self._devices = 1 if local else devices
        self._changed = threading.Condition()
        self._computing = False
        self._working = 0
        self._measuring = 0
        self._waiting = 0

    @contextmanager
    def computing(self) -> Iterator[None]:
        """In this process: one at a time."""
        with self._changed:
            self._changed.wait_for(lambda: not self._computing and self._may_compute())
            self._computing = True
        try:
            yield
        finally:
            with self._changed:
                self._computing = False
                self._changed.notify_all()

    @contextmanager
    def working(self) -> Iterator[None]:
        """In another process on this machine: any number at a time."""
        with self._changed:
            self._changed.wait_for(self._may_compute)
            self._working += 1
        try:
            yield
        finally:
            with self._changed:
                self._working -= 1
                self._changed.notify_all()

    @contextmanager
    def measuring(self) -> Iterator[None]:
        """On the target: as many at a time as there are devices."""
        with self._changed:
            self._waiting += 1
            try:
                self._changed.wait_for(self._may_measure)
            finally:
                self._waiting -= 1
            self._measuring += 1
        try:
            yield
        finally:
            with self._changed:
                self._measuring -= 1
                self._changed.notify_all()

    def _may_compute(self) -> bool:
        return not (self._local and (self._measuring or self._waiting))

    def _may_measure(self) -> bool:
        disturbed = self._local and (self._computing or self._working)
        return self._measuring < self._devices and not disturbed

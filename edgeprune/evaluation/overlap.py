"""Doing one thing elsewhere while another is done here."""

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

Result = TypeVar("Result")


class Elsewhere(Generic[Result]):
    """A call that waits for another machine, running beside the caller's own work.

    Started when made; leaving the ``with`` block waits for its end, unless an interruption is
    what ends the block: then `abandon` is called first, so that there is nothing to wait for.

    Args:
        call: what to run; its time is spent waiting.
        abandon: makes the call end soon.
    """

    def __init__(self, call: Callable[[], Result], abandon: Callable[[], None]) -> None:
        self._call, self._abandon = call, abandon
        self._results: list[Result] = []
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="edgeprune-device", daemon=True)
        self._thread.start()

    def result(self) -> Result:
        """Wait for the call's result, or raise what it raised."""
        self._thread.join()
        if self._error is not None:
            raise self._error
        return self._results[0]

    def __enter__(self) -> "Elsewhere[Result]":
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None and not issubclass(kind, Exception):
            self._abandon()
        self._thread.join()

    def _run(self) -> None:
        try:
            self._results.append(self._call())
        except BaseException as error:
            self._error = error

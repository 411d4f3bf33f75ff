"""The history as a run uses it: what goes wrong with it is told once, and never ends the run."""

import time
from collections.abc import Callable
from typing import Self, TypeVar

from edgeprune.config import PipelineConfig
from edgeprune.history import History, HistoryError, HistoryUnavailableError

#: How long a run waits for another writer, and how long where it has waited in vain before.
_PATIENCE_S, _LESS_PATIENCE_S = 10.0, 1.0
#: A history that was away is tried again after so long.
_RETRY_S = 60.0

Found = TypeVar("Found")


class RunHistory:
    """A history that may be locked, full or out of reach for a while; a context manager.

    What is asked of it then has the answer of an empty history, and what it is told has to be
    told again: see `edgeprune.pipeline.missed`.

    Args:
        url: a file or a database URL; None: the user's own.
        say: tells the user.
        clock: seconds that only grow.
    """

    def __init__(
        self,
        url: str | None,
        say: Callable[[str], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._url, self._say, self._clock = url, say, clock
        self._history: History | None = None
        self._told = self._used = False
        self._next_try = -float("inf")

    @classmethod
    def of(cls, config: PipelineConfig, say: Callable[[str], None]) -> Self | None:
        """The history that a pipeline names; None where it wants none."""
        if config.history == "none":
            return None
        return cls(None if config.history == "default" else config.history, say)

    def ask(
        self, question: Callable[[History], Found], otherwise: Found, *, anyhow: bool = False
    ) -> Found:
        """What the history answers.

        Args:
            question: put to the open history.
            otherwise: the answer where it cannot be used.
            anyhow: ask now, also where it was away a moment ago.

        Raises:
            HistoryError: it is no history, or of a newer version, and was so when the run began.
        """
        if not anyhow and self._clock() < self._next_try:
            return otherwise
        try:
            if self._history is None:
                patience = _LESS_PATIENCE_S if self._told else _PATIENCE_S
                self._history = History.open(self._url, patience_s=patience)
            answer = question(self._history)
        except HistoryError as error:
            # What is wrong from the beginning is somebody's mistake, and told before hours of work.
            mistake = not isinstance(error, HistoryUnavailableError)
            if mistake and not (self._used or self._told):
                raise
            self._put_off(error)
            return otherwise
        self._used = True
        return answer

    def tell(self, write: Callable[[History], None], *, anyhow: bool = False) -> bool:
        """Write to the history, and say whether it was written; as `ask`."""

        def written(history: History) -> bool:
            write(history)
            return True

        return self.ask(written, False, anyhow=anyhow)

    def close(self) -> None:
        """Let go of the database; it is opened again when it is needed."""
        if self._history is not None:
            self._history.close()
            self._history = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _put_off(self, error: HistoryError) -> None:
        self.close()
        self._next_try = self._clock() + _RETRY_S
        if not self._told:
            self._told = True
            self._say(f"warning: {error}. The run goes on; what it measures is written later")

"""Progress bars on the terminal, and the same news in the run's log file."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

from edgeprune.search import SearchTrial
from edgeprune.terminal import column, console, shown


@dataclass(frozen=True)
class Listener:
    """What one's own code is told of a run, besides bars and log.

    Attributes:
        on_stage: of every stage that begins, by its name: ``probe``, ``search knapsack``, ``race``.
        on_trial: of every trial.
        on_epoch: of every epoch of fine-tuning: the contender's name, the epoch from 1, its loss.
    """

    on_stage: Callable[[str], None] = lambda name: None
    on_trial: Callable[[SearchTrial], None] = lambda trial: None
    on_epoch: Callable[[str, int, float], None] = lambda name, epoch, loss: None


class _LogFile(logging.FileHandler):
    """A log file on a full disk stays silent: the error that matters comes from elsewhere."""

    def handleError(self, record: logging.LogRecord) -> None:
        """Drop the line."""


class _Shown(logging.Formatter):
    """Lines with their time, as a terminal may show them; without passwords."""

    def format(self, record: logging.LogRecord) -> str:
        """As logging does."""
        return shown(super().format(record))


class Task:
    """One bar: a stage of known length, with a note on what is best so far."""

    def __init__(self, progress: Progress, name: str, total: int) -> None:
        self._progress = progress
        self._id = progress.add_task(name, total=total, note="")

    def advance(self, count: int = 1, note: str | None = None) -> None:
        """Move the bar by `count` steps and change the note, if one is given."""
        if note is None:
            self._progress.update(self._id, advance=count)
        else:
            self._progress.update(self._id, advance=count, note=note)

    def expect(self, count: int) -> None:
        """Set what is left, where only the work so far tells it."""
        (done,) = (one.completed for one in self._progress.tasks if one.id == self._id)
        self._progress.update(self._id, total=done + count)


class Reporter:
    """Tells the person at the terminal and the log file what a run is doing.

    Args:
        log: the run's log file, appended to.
        enabled: show bars and lines on standard error; the log is written either way.
        listener: is told as well.
    """

    def __init__(
        self, log: Path, *, enabled: bool = True, listener: Listener | None = None
    ) -> None:
        self.listener = listener or Listener()
        self._enabled = enabled
        self._console = console(error=True, quiet=not enabled)
        self._progress = Progress(
            column("{task.description:<16}"),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TimeRemainingColumn(elapsed_when_finished=True),
            column("{task.fields[note]}"),
            console=self._console,
            disable=not enabled,
        )
        self._logger = logging.Logger(f"edgeprune.run.{log.parent}")
        self._handler = _LogFile(log)
        self._handler.setFormatter(_Shown("%(asctime)s %(message)s"))
        self._logger.addHandler(self._handler)

    def __enter__(self) -> "Reporter":
        self._progress.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._progress.stop()
        if kind is not None:
            self._logger.error("stopped by %s: %s", kind.__name__, error)
        self._handler.close()

    @contextmanager
    def task(self, name: str, total: int) -> Iterator[Task]:
        """A bar for `total` steps; it stays on the screen when finished."""
        self._logger.info("%s: started, %d steps", name, total)
        self.listener.on_stage(name)
        yield Task(self._progress, name, total)
        self._logger.info("%s: finished", name)

    def say(self, text: str) -> None:
        """One line, on the terminal above the bars and in the log."""
        self._logger.info(text)
        self._console.print(text, soft_wrap=True)

    def log(self, text: str) -> None:
        """One line in the log only."""
        self._logger.info(text)

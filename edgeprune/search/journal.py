"""A search's finished trials on disk, as an Optuna journal that optuna-dashboard opens."""

import json
import os
from collections.abc import Generator, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import optuna
from optuna.distributions import BaseDistribution
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState, create_trial

from edgeprune.errors import RunError
from edgeprune.files import sync_folder
from edgeprune.search.outcome import Outcome
from edgeprune.search.problem import Widths

#: The user attribute of a trial that was set aside: the reason.
SET_ASIDE = "set_aside"
#: That of one that did not come in the order of its proposal.
_PROPOSAL = "proposal"

_FILE = "journal.log"
_STUDY = "edgeprune"
#: Bytes that are read at once where a line's end is looked for.
_PIECE = 64 * 1024
#: What a trial is large by.
_BARE: dict[str, Any] = {"params": {}, "distributions": {}, "user_attrs": {}}


@dataclass(frozen=True)
class SearchTrial:
    """One evaluated candidate.

    Attributes:
        number: from 0, in the order of evaluation; what was set aside has none.
        widths: what was evaluated.
        outcome: what came out.
        reward: what the sampler was told.
        seconds: by step; ``propose`` includes learning from the trial before.
        proposal: which of the search's proposals it is, from 0; None: as many as were finished or
            set aside before it, which is so where one is evaluated after the other.
    """

    number: int
    widths: Widths
    outcome: Outcome
    reward: float
    seconds: dict[str, float] = field(default_factory=dict)
    proposal: int | None = None


@dataclass(frozen=True)
class SetAside:
    """A candidate without an outcome: its measurement failed, and failed again.

    Attributes:
        widths: what was to be evaluated.
        reason: what went wrong last.
        seconds: by step; ``propose`` includes learning from the trial before.
        proposal: as a trial's.
    """

    widths: Widths
    reason: str
    seconds: dict[str, float] = field(default_factory=dict)
    proposal: int | None = None


#: What a search has made of one proposal.
Entry = SearchTrial | SetAside


class Journal:
    """Appends trials to ``DIRECTORY/journal.log``; a trial is one line, synced to the disk.

    Only one process may write to a directory at a time: the run directory's lock sees to that.

    Args:
        directory: made where it is missing.

    Raises:
        RunError: the file is damaged before its last line.
    """

    def __init__(self, directory: Path) -> None:
        if not directory.exists():
            directory.mkdir(parents=True)
            sync_folder(directory.parent)
        self._path = path = directory / _FILE
        new = not path.exists()
        if not new:
            _drop_half_line(path)
        # A killed writer's lock: waiting for it to expire would take half a minute.
        path.with_name(f"{_FILE}.lock").unlink(missing_ok=True)
        with quiet(), _readable(path):
            backend = _Lean(str(path))
            self._study = optuna.create_study(
                study_name=_STUDY,
                storage=JournalStorage(backend),
                direction="maximize",
                load_if_exists=True,
            )
            backend.lean = True
        if new:  # its lines are synced as they are written, but not the file's name
            sync_folder(directory)

    def append(self, entry: Entry, space: Mapping[str, BaseDistribution]) -> None:
        """Write one finished trial, or one that was set aside.

        Args:
            entry: the next one.
            space: Optuna's distribution of each group.
        """
        self._study.add_trial(frozen(entry, space))

    def entries(self) -> list[Entry]:
        """All finished trials and those set aside when the journal was opened, in order.

        Raises:
            RunError: a trial lacks what a search writes.
        """
        with _readable(self._path):
            return _entries(self._study)

    def trials(self) -> list[SearchTrial]:
        """All finished trials, in order."""
        return finished(self.entries())


class _Lean(JournalFileBackend):
    """Reads back of what this process wrote no more than that it is there.

    Optuna keeps what it reads: a long search would have each trial in memory once more.
    """

    lean = False

    def read_logs(self, log_number_from: int) -> Generator[dict[str, Any], None, None]:
        for log in super().read_logs(log_number_from):
            yield {**log, **_BARE} if self.lean and "params" in log else log


def read_trials(directory: Path) -> list[SearchTrial]:
    """The finished trials of a search, running ones included; nothing is written.

    Args:
        directory: of the search.

    Returns:
        The trials in order; none where the search has not begun.

    Raises:
        RunError: the journal is damaged before its last line.
    """
    return finished(read_entries(directory))


def read_entries(directory: Path) -> list[Entry]:
    """What a search has made of its proposals: as `read_trials`, with those set aside."""
    path = directory / _FILE
    if not path.exists():
        return []
    with quiet(), _readable(path):
        storage = JournalStorage(JournalFileBackend(str(path)))
        if not storage.get_all_studies():
            return []
        return _entries(optuna.load_study(study_name=_STUDY, storage=storage))


def finished(entries: Iterable[Entry]) -> list[SearchTrial]:
    """The trials that count."""
    return [one for one in entries if isinstance(one, SearchTrial)]


def frozen(entry: Entry, space: Mapping[str, BaseDistribution]) -> FrozenTrial:
    """The trial in Optuna's words: parameters are widths, user attributes the outcome."""
    words: dict[str, Any] = {"params": dict(entry.widths), "distributions": dict(space)}
    if isinstance(entry, SetAside):
        attributes = {SET_ASIDE: entry.reason, "seconds": entry.seconds, **_order(entry)}
        return create_trial(state=TrialState.FAIL, user_attrs=attributes, **words)
    return create_trial(
        state=TrialState.COMPLETE,
        value=entry.reward,
        user_attrs={**entry.outcome.to_json(), "seconds": entry.seconds, **_order(entry)},
        **words,
    )


def _order(entry: Entry) -> dict[str, int]:
    return {} if entry.proposal is None else {_PROPOSAL: entry.proposal}


def _entries(study: Study) -> list[Entry]:
    found: list[Entry] = []
    number = 0
    states = (TrialState.COMPLETE, TrialState.FAIL)
    for trial in study.get_trials(deepcopy=False, states=states):
        widths = {name: int(width) for name, width in trial.params.items()}
        seconds, order = trial.user_attrs["seconds"], trial.user_attrs.get(_PROPOSAL)
        if trial.state == TrialState.FAIL:
            found.append(SetAside(widths, trial.user_attrs.get(SET_ASIDE, ""), seconds, order))
            continue
        outcome = Outcome.from_json(trial.user_attrs)
        reward = float(trial.values[0])
        found.append(SearchTrial(number, widths, outcome, reward, seconds, order))
        number += 1
    return found


def _drop_half_line(path: Path) -> None:
    """Cut off what a killed process left of its last line; the next line would be lost with it."""
    with path.open("r+b") as file:
        size = file.seek(0, os.SEEK_END)
        end = _line_end(file, size)
        start = _line_end(file, max(end - 1, 0))
        file.seek(start)
        try:
            json.loads(file.read(end - start) or b"{}")
        except (ValueError, RecursionError):
            # After a power cut a line may be there in length but not in content.
            end = start
        if end < size:
            file.truncate(end)
            os.fsync(file.fileno())


def _line_end(file: BinaryIO, before: int) -> int:
    """Where the last whole line in front of a place ends; 0 where none does."""
    while before > 0:
        start = max(0, before - _PIECE)
        file.seek(start)
        found = file.read(before - start).rfind(b"\n")
        if found >= 0:
            return start + found + 1
        before = start
    return 0


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    try:
        yield
    except (ValueError, KeyError, TypeError, AttributeError, IndexError, RecursionError) as error:
        msg = f"{path} is damaged and cannot be read ({error}); start a new run"
        raise RunError(msg) from error


@contextmanager
def quiet() -> Iterator[None]:
    """Without Optuna's notes about studies it created."""
    verbosity = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        yield
    finally:
        optuna.logging.set_verbosity(verbosity)

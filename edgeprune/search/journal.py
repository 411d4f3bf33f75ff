"""A search's finished trials on disk, as an Optuna journal that optuna-dashboard opens."""

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import optuna
from optuna.distributions import BaseDistribution
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState, create_trial

from edgeprune.errors import RunError
from edgeprune.search.outcome import Outcome
from edgeprune.search.problem import Widths

#: The user attribute of a trial that was set aside: the reason.
SET_ASIDE = "set_aside"

_FILE = "journal.log"
_STUDY = "edgeprune"


@dataclass(frozen=True)
class SearchTrial:
    """One evaluated candidate.

    Attributes:
        number: from 0, in the order of evaluation; what was set aside has none.
        widths: what was evaluated.
        outcome: what came out.
        reward: what the sampler was told.
        seconds: by step; ``propose`` includes learning from the trial before.
    """

    number: int
    widths: Widths
    outcome: Outcome
    reward: float
    seconds: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class SetAside:
    """A candidate without an outcome: its measurement failed, and failed again.

    Attributes:
        widths: what was to be evaluated.
        reason: what went wrong last.
        seconds: by step; ``propose`` includes learning from the trial before.
    """

    widths: Widths
    reason: str
    seconds: dict[str, float] = field(default_factory=dict)


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
        directory.mkdir(parents=True, exist_ok=True)
        path = directory / _FILE
        if path.exists():
            _drop_half_line(path)
        # A killed writer's lock: waiting for it to expire would take half a minute.
        path.with_name(f"{_FILE}.lock").unlink(missing_ok=True)
        with quiet(), _readable(path):
            storage = JournalStorage(JournalFileBackend(str(path)))
            self._study = optuna.create_study(
                study_name=_STUDY, storage=storage, direction="maximize", load_if_exists=True
            )

    def append(self, entry: Entry, space: Mapping[str, BaseDistribution]) -> None:
        """Write one finished trial, or one that was set aside.

        Args:
            entry: the next one.
            space: Optuna's distribution of each group.
        """
        self._study.add_trial(frozen(entry, space))

    def entries(self) -> list[Entry]:
        """All finished trials and those set aside, in order."""
        return _entries(self._study)

    def trials(self) -> list[SearchTrial]:
        """All finished trials, in order."""
        return finished(self.entries())


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
        attributes = {SET_ASIDE: entry.reason, "seconds": entry.seconds}
        return create_trial(state=TrialState.FAIL, user_attrs=attributes, **words)
    return create_trial(
        state=TrialState.COMPLETE,
        value=entry.reward,
        user_attrs={**entry.outcome.to_json(), "seconds": entry.seconds},
        **words,
    )


def _entries(study: Study) -> list[Entry]:
    found: list[Entry] = []
    number = 0
    states = (TrialState.COMPLETE, TrialState.FAIL)
    for trial in study.get_trials(deepcopy=False, states=states):
        widths = {name: int(width) for name, width in trial.params.items()}
        seconds = trial.user_attrs["seconds"]
        if trial.state == TrialState.FAIL:
            found.append(SetAside(widths, trial.user_attrs.get(SET_ASIDE, ""), seconds))
            continue
        outcome = Outcome.from_json(trial.user_attrs)
        found.append(SearchTrial(number, widths, outcome, float(trial.values[0]), seconds))
        number += 1
    return found


def _drop_half_line(path: Path) -> None:
    """Cut off what a killed process left of its last line; the next line would be lost with it."""
    content = path.read_bytes()
    whole = content[: content.rfind(b"\n") + 1]
    start = whole.rfind(b"\n", 0, -1) + 1
    try:
        json.loads(whole[start:] or b"{}")
    except ValueError:  # After a power cut a line may be there in length but not in content.
        whole = whole[:start]
    if len(whole) < len(content):
        os.truncate(path, len(whole))


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    try:
        yield
    except (ValueError, KeyError) as error:
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

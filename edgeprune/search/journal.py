"""A search's finished trials on disk, as an Optuna journal that optuna-dashboard opens."""

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import optuna
from optuna.distributions import BaseDistribution
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState, create_trial

from edgeprune.errors import RunError
from edgeprune.search.outcome import Outcome
from edgeprune.search.problem import Widths

_FILE = "journal.log"
_STUDY = "edgeprune"


@dataclass(frozen=True)
class SearchTrial:
    """One evaluated candidate.

    Attributes:
        number: from 0, in the order of evaluation.
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

    def append(self, trial: SearchTrial, space: Mapping[str, BaseDistribution]) -> None:
        """Write one finished trial.

        Args:
            trial: the next one.
            space: Optuna's distribution of each group.
        """
        self._study.add_trial(frozen(trial, space))

    def trials(self) -> list[SearchTrial]:
        """All finished trials, in order."""
        return _finished(self._study)


def read_trials(directory: Path) -> list[SearchTrial]:
    """The finished trials of a search, running ones included; nothing is written.

    Args:
        directory: of the search.

    Returns:
        The trials in order; none where the search has not begun.

    Raises:
        RunError: the journal is damaged before its last line.
    """
    path = directory / _FILE
    if not path.exists():
        return []
    with quiet(), _readable(path):
        storage = JournalStorage(JournalFileBackend(str(path)))
        if not storage.get_all_studies():
            return []
        return _finished(optuna.load_study(study_name=_STUDY, storage=storage))


def frozen(trial: SearchTrial, space: Mapping[str, BaseDistribution]) -> FrozenTrial:
    """The trial in Optuna's words: parameters are widths, user attributes the outcome."""
    return create_trial(
        state=TrialState.COMPLETE,
        value=trial.reward,
        params=dict(trial.widths),
        distributions=dict(space),
        user_attrs={**trial.outcome.to_json(), "seconds": trial.seconds},
    )


def _finished(study: Study) -> list[SearchTrial]:
    return [
        SearchTrial(
            number=number,
            widths={name: int(width) for name, width in trial.params.items()},
            outcome=Outcome.from_json(trial.user_attrs),
            reward=float(trial.values[0]),
            seconds=trial.user_attrs["seconds"],
        )
        for number, trial in enumerate(
            study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
        )
    ]


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

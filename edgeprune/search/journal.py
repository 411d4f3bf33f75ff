"""A search's finished trials on disk, as an Optuna journal that optuna-dashboard opens."""

from dataclasses import dataclass, field
from pathlib import Path

import optuna
from optuna.distributions import BaseDistribution
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import FrozenTrial, TrialState, create_trial

from edgeprune.search.outcome import Outcome
from edgeprune.search.problem import Widths

_STUDY = "edgeprune"


@dataclass(frozen=True)
class SearchTrial:
    """One evaluated candidate.

    Attributes:
        number: from 0, in the order of evaluation.
        widths: what was evaluated.
        outcome: what came out.
        reward: what the sampler was told.
        seconds: by step, the proposal included.
    """

    number: int
    widths: Widths
    outcome: Outcome
    reward: float
    seconds: dict[str, float] = field(default_factory=dict)


class Journal:
    """Appends trials to ``DIRECTORY/journal.log``, each before the next one starts."""

    def __init__(self, directory: Path) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self._path = directory / "journal.log"
        self._drop_half_line()
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        storage = JournalStorage(JournalFileBackend(str(self._path)))
        self._study = optuna.create_study(
            study_name=_STUDY, storage=storage, direction="maximize", load_if_exists=True
        )

    def append(self, trial: SearchTrial, space: dict[str, BaseDistribution]) -> None:
        """Write one finished trial."""
        self._study.add_trial(frozen(trial, space))

    def trials(self) -> list[SearchTrial]:
        """All finished trials, in order."""
        return [
            SearchTrial(
                number=trial.number,
                widths={name: int(width) for name, width in trial.params.items()},
                outcome=Outcome.from_json(trial.user_attrs["outcome"]),
                reward=float(trial.value or 0.0),
                seconds=trial.user_attrs["seconds"],
            )
            for trial in self._study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
        ]

    def _drop_half_line(self) -> None:
        """A killed process may leave half a line; what follows it could not be read."""
        if self._path.exists():
            content = self._path.read_bytes()
            whole = content[: content.rfind(b"\n") + 1]
            if whole != content:
                self._path.write_bytes(whole)


def frozen(trial: SearchTrial, space: dict[str, BaseDistribution]) -> FrozenTrial:
    """The trial in Optuna's words: parameters are widths, the outcome a user attribute."""
    return create_trial(
        state=TrialState.COMPLETE,
        value=trial.reward,
        params=dict(trial.widths),
        distributions=space,
        user_attrs={"outcome": trial.outcome.to_json(), "seconds": trial.seconds},
    )


def read_trials(directory: Path) -> list[SearchTrial]:
    """The finished trials of a search; none where it has not begun."""
    return Journal(directory).trials() if (directory / "journal.log").exists() else []

"""Which candidates a study has had: kept up to date, so that a long search stays as quick."""

from collections.abc import Iterator, Sequence, Set
from weakref import WeakKeyDictionary

from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState

from edgeprune.search.journal import SET_ASIDE
from edgeprune.search.problem import Key, SearchProblem


class Seen(Set[Key]):
    """Candidates that a study has had; copying thousands for each proposal would take longer.

    Attributes:
        running: those under evaluation.
    """

    def __init__(self, ended: Set[Key], running: Set[Key]) -> None:
        self._ended, self.running = ended, running

    def __contains__(self, key: object) -> bool:
        return key in self._ended or key in self.running

    def __iter__(self) -> Iterator[Key]:
        yield from self._ended
        yield from (key for key in self.running if key not in self._ended)

    def __len__(self) -> int:
        return len(self._ended) + sum(key not in self._ended for key in self.running)


def seen_keys(problem: SearchProblem, study: Study) -> Seen:
    """The candidates a study has evaluated, is evaluating or has set aside, as they are now.

    Trials that have ended are looked at once, whoever asks how often.
    """
    known = _KNOWN.setdefault(study, {}).setdefault(problem.groups, _Known())
    return known.updated(problem, study.get_trials(deepcopy=False))


class _Known:
    """The candidates of the trials that have ended, and which trials have not."""

    def __init__(self) -> None:
        self._keys: set[Key] = set()
        # In one attribute: another thread may be doing the same.
        self._left: tuple[Sequence[int], int] = ((), 0)

    def updated(self, problem: SearchProblem, trials: Sequence[FrozenTrial]) -> Seen:
        waiting, end = self._left
        still: list[int] = []
        running: set[Key] = set()
        for place in (*waiting, *range(end, len(trials))):
            trial = trials[place]
            if not trial.state.is_finished():
                still.append(place)
            if _counts(trial) and all(group in trial.params for group in problem.groups):
                into = self._keys if trial.state.is_finished() else running
                into.add(problem.key(trial.params))
        self._left = (still, len(trials))
        return Seen(self._keys, running)


def _counts(trial: FrozenTrial) -> bool:
    """A trial that failed is one only where it was set aside, not where its record won over it."""
    if trial.state == TrialState.FAIL:
        return SET_ASIDE in trial.user_attrs
    return trial.state != TrialState.WAITING


_KNOWN: WeakKeyDictionary[Study, dict[tuple[str, ...], _Known]] = WeakKeyDictionary()

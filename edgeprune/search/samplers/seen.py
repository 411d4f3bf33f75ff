"""Which candidates a study has had: kept up to date, so that a long search stays as quick."""

from collections.abc import Sequence
from weakref import WeakKeyDictionary

from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState

from edgeprune.search.journal import SET_ASIDE
from edgeprune.search.problem import Key, SearchProblem


def seen_keys(problem: SearchProblem, study: Study) -> set[Key]:
    """The candidates a study has evaluated, is evaluating or has set aside; not to be changed.

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

    def updated(self, problem: SearchProblem, trials: Sequence[FrozenTrial]) -> set[Key]:
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
        return self._keys | running if running else self._keys


def _counts(trial: FrozenTrial) -> bool:
    """A trial that failed is one only where it was set aside, not where its record won over it."""
    if trial.state == TrialState.FAIL:
        return SET_ASIDE in trial.user_attrs
    return trial.state != TrialState.WAITING


_KNOWN: WeakKeyDictionary[Study, dict[tuple[str, ...], _Known]] = WeakKeyDictionary()

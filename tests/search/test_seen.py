"""Which candidates a study has had, whatever state their trials are in."""

from dataclasses import replace

import optuna
from optuna.trial import TrialState, create_trial

from edgeprune.search import SearchProblem
from edgeprune.search.distributions import distributions
from edgeprune.search.journal import SET_ASIDE
from edgeprune.search.problem import Key
from edgeprune.search.samplers.seen import seen_keys
from edgeprune.testing.samplers import SmallNet

PROBLEM = SmallNet().problem()


def _widths(number: int) -> dict[str, int]:
    first, *_ = PROBLEM.groups
    choices = PROBLEM.choices[first]
    return {**PROBLEM.full, first: choices[number % len(choices)]}


def _looked_at_anew(study: optuna.Study) -> set[Key]:
    states = (TrialState.COMPLETE, TrialState.RUNNING, TrialState.PRUNED)
    return {
        PROBLEM.key(trial.params)
        for trial in study.get_trials(deepcopy=False)
        if (trial.state in states or SET_ASIDE in trial.user_attrs)
        and all(group in trial.params for group in PROBLEM.groups)
    }


def test_it_is_what_looking_at_all_trials_would_say() -> None:
    study, space = optuna.create_study(direction="maximize"), distributions(PROBLEM)
    open_trials = []
    states = (TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL)
    for number in range(24):
        study.enqueue_trial(_widths(number))
        assert seen_keys(PROBLEM, study) == _looked_at_anew(study)
        open_trials.append(study.ask(space))
        assert seen_keys(PROBLEM, study) == _looked_at_anew(study)
        if len(open_trials) == 4:  # they end in another order than they began
            asked, state = open_trials.pop(number % 4), states[number % 3]
            if number % 2:  # of those that fail, every second one was set aside
                asked.set_user_attr(SET_ASIDE, "no measurement")
            study.tell(asked, 1.0 if state == TrialState.COMPLETE else None, state)
            assert seen_keys(PROBLEM, study) == _looked_at_anew(study)


def test_studies_are_told_apart() -> None:
    for _ in range(2):
        study = optuna.create_study()
        assert seen_keys(PROBLEM, study) == set()
        space = distributions(PROBLEM)
        study.add_trial(create_trial(value=1.0, params=PROBLEM.full, distributions=space))
        assert seen_keys(PROBLEM, study) == {PROBLEM.key(PROBLEM.full)}


def test_a_trial_that_has_ended_is_looked_at_once() -> None:
    looked = 0

    class Counting(SearchProblem):
        def key(self, widths: object) -> Key:
            nonlocal looked
            looked += 1
            return super().key(widths)  # type: ignore[arg-type]

    problem = Counting(**vars(replace(PROBLEM)))
    study, space = optuna.create_study(), distributions(PROBLEM)
    for number in range(50):
        study.add_trial(create_trial(value=1.0, params=_widths(number), distributions=space))
        for _ in range(3):
            seen_keys(problem, study)
    assert looked == 50

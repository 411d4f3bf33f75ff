"""What all our samplers share: proposing widths as an Optuna sampler, and a saved state."""

import abc
import json
from collections.abc import Mapping
from typing import Any

import numpy as np
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler, RandomSampler
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState

from edgeprune.search.distributions import distributions
from edgeprune.search.journal import SET_ASIDE
from edgeprune.search.neighbours import unseen
from edgeprune.search.problem import Key, SearchProblem, Widths

_SEEN = (TrialState.COMPLETE, TrialState.RUNNING, TrialState.PRUNED)


class WidthSampler(BaseSampler, abc.ABC):
    """An Optuna sampler that proposes the widths of all groups at once.

    A subclass says what to propose in `propose` and may learn in Optuna's ``after_trial``. It
    works in any Optuna study whose objective asks for one integer per group, as
    `edgeprune.search.distributions` describes them.

    Args:
        problem: what is searched.
        seed: fixes all random choices.
    """

    def __init__(self, problem: SearchProblem, seed: int) -> None:
        self.problem = problem
        self.rng = np.random.default_rng(seed)
        self._space = distributions(problem)
        self._fallback = RandomSampler(seed)

    @abc.abstractmethod
    def propose(self, study: Study, trial: FrozenTrial) -> Widths:
        """Widths to evaluate next.

        Equal widths may come again: the caller moves them to unknown ones. It also ties zeros:
        a branch goes where its first group is 0 (`SearchProblem.tied`).
        """

    def state_dict(self) -> dict[str, Any]:
        """All that proposing depends on: numbers, strings, tensors and containers of them."""
        return {"rng": rng_state(self.rng)}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on exactly where `state_dict` was called."""
        self.rng = rng_from_state(state["rng"])

    def infer_relative_search_space(
        self, study: Study, trial: FrozenTrial
    ) -> dict[str, BaseDistribution]:
        """All groups, whatever was suggested before (Optuna's interface)."""
        return dict(self._space)

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """Unseen widths (Optuna's interface)."""
        proposal = self.problem.tied(self.propose(study, trial))
        return dict(unseen(self.problem, proposal, seen_keys(self.problem, study)))

    def sample_independent(
        self,
        study: Study,
        trial: FrozenTrial,
        param_name: str,
        param_distribution: BaseDistribution,
    ) -> Any:
        """A random value, for parameters that are no channel groups (Optuna's interface)."""
        return self._fallback.sample_independent(study, trial, param_name, param_distribution)


def seen_keys(problem: SearchProblem, study: Study) -> set[Key]:
    """The candidates that a study has evaluated, is evaluating, or has set aside."""
    return {
        problem.key(trial.params)
        for trial in study.get_trials(deepcopy=False)
        if (trial.state in _SEEN or SET_ASIDE in trial.user_attrs)
        and all(group in trial.params for group in problem.groups)
    }


def rng_state(rng: np.random.Generator) -> str:
    """The state of a generator as JSON (its integers are too wide for tensors)."""
    return json.dumps(rng.bit_generator.state)


def rng_from_state(state: str) -> np.random.Generator:
    """The generator that `rng_state` described."""
    rng = np.random.default_rng()
    rng.bit_generator.state = json.loads(state)
    return rng

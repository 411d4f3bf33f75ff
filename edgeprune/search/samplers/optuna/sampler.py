"""Any of Optuna's own samplers, moved into the budget."""

import inspect
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import optuna
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState

from edgeprune.errors import SearchError, nearest
from edgeprune.search.distributions import distributions, to_widths
from edgeprune.search.fitting import fit_to_budget, keep_ratios
from edgeprune.search.neighbours import unseen
from edgeprune.search.problem import SearchProblem
from edgeprune.search.samplers.seen import seen_keys

#: Not for searching widths: they need a grid or a second sampler, walk a tree that the
#: projection would leave, or are abstract.
_UNFIT = {
    "BaseSampler",
    "BaseGASampler",
    "BruteForceSampler",
    "GridSampler",
    "PartialFixedSampler",
}


class ProjectedSampler(BaseSampler):
    """An Optuna sampler whose proposals are scaled to the budget and never repeat.

    The study records the scaled widths, so the sampler learns about what was evaluated. Its own
    state cannot be saved: a resumed search replays it.

    Args:
        problem: what is searched.
        inner: the sampler that proposes.
    """

    def __init__(self, problem: SearchProblem, inner: BaseSampler) -> None:
        self.problem = problem
        self.inner = inner
        self._space = distributions(problem)

    def __str__(self) -> str:
        return f"ProjectedSampler({self.inner})"

    def infer_relative_search_space(
        self, study: Study, trial: FrozenTrial
    ) -> dict[str, BaseDistribution]:
        """All groups, whatever the inner sampler treats jointly (Optuna's interface)."""
        return dict(self._space)

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """The inner sampler's proposal, inside the budget and unseen (Optuna's interface)."""
        joint = self.inner.infer_relative_search_space(study, trial)
        params = self.inner.sample_relative(study, trial, joint)
        for group, distribution in self._space.items():
            if group not in params:
                params[group] = self.inner.sample_independent(study, trial, group, distribution)
        widths = to_widths(self.problem, params)
        fitted = fit_to_budget(self.problem, keep_ratios(self.problem, widths))
        return dict(unseen(self.problem, fitted, seen_keys(self.problem, study)))

    def sample_independent(
        self,
        study: Study,
        trial: FrozenTrial,
        param_name: str,
        param_distribution: BaseDistribution,
    ) -> Any:
        """The inner sampler's value (Optuna's interface)."""
        return self.inner.sample_independent(study, trial, param_name, param_distribution)

    def before_trial(self, study: Study, trial: FrozenTrial) -> None:
        """Passed on (Optuna's interface)."""
        self.inner.before_trial(study, trial)

    def after_trial(
        self,
        study: Study,
        trial: FrozenTrial,
        state: TrialState,
        values: Sequence[float] | None,
    ) -> None:
        """Passed on (Optuna's interface)."""
        self.inner.after_trial(study, trial, state, values)

    def reseed_rng(self) -> None:
        """Passed on (Optuna's interface)."""
        self.inner.reseed_rng()


def optuna_samplers() -> list[str]:
    """Names of Optuna's samplers that can search widths."""
    return sorted(set(optuna.samplers.__all__) - _UNFIT - {"nsgaii"})


def check_optuna_options(name: str, options: Mapping[str, Any]) -> None:
    """Refuse what Optuna has no sampler or setting for.

    Args:
        name: a class of ``optuna.samplers``, such as ``TPESampler``.
        options: keyword arguments of its constructor.

    Raises:
        SearchError: no such sampler, or options it does not know.
    """
    allowed = optuna_samplers()
    if name not in allowed:
        msg = (
            f"unknown Optuna sampler {name!r}; allowed: {', '.join(allowed)}"
            f"{nearest(name, allowed)}"
        )
        raise SearchError(msg)
    known = inspect.signature(getattr(optuna.samplers, name)).parameters
    for option in options:
        if option not in known:
            msg = (
                f"option {option!r} is unknown to {name}; allowed: {', '.join(sorted(known))}"
                f"{nearest(option, known)}"
            )
            raise SearchError(msg)


def several_at_once(name: str, options: Mapping[str, Any]) -> Mapping[str, Any]:
    """The options with which a sampler expects several trials to run at once.

    Args:
        name: a class of ``optuna.samplers``.
        options: what the user gave; wins.

    Returns:
        With the constant liar where the class has one: what runs is taken to be bad, so that the
        next proposal goes elsewhere.
    """
    known = inspect.signature(getattr(optuna.samplers, name)).parameters
    return {"constant_liar": True, **options} if "constant_liar" in known else options


def make_optuna_sampler(
    name: str, problem: SearchProblem, seed: int, options: Mapping[str, Any]
) -> ProjectedSampler:
    """Optuna's sampler of this class name.

    Args:
        name: a class of ``optuna.samplers``, such as ``TPESampler``.
        problem: what is searched.
        seed: fixes its random choices.
        options: keyword arguments of its constructor.

    Raises:
        SearchError: as `check_optuna_options`; a value is refused, or a package is missing.
    """
    check_optuna_options(name, options)
    factory = getattr(optuna.samplers, name)
    known = inspect.signature(factory).parameters
    settings = dict(options)
    if "seed" in known:
        settings.setdefault("seed", seed)
    if "warn_independent_sampling" in known:
        settings.setdefault("warn_independent_sampling", False)
    with warnings.catch_warnings():
        # Experimental samplers are chosen by name; TPE has deprecated the setting above.
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        warnings.simplefilter("ignore", FutureWarning)
        try:
            return ProjectedSampler(problem, factory(**settings))
        except (ImportError, TypeError, ValueError) as error:
            msg = f"Optuna's {name} cannot be used: {error}"
            raise SearchError(msg) from error

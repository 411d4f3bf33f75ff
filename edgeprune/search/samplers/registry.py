"""Samplers by name: ours, Optuna's, those of other packages and of the user's own code."""

from collections.abc import Mapping
from functools import cache
from typing import Any

from optuna.samplers import BaseSampler

from edgeprune.errors import SearchError, nearest
from edgeprune.plugins import load_object, specs
from edgeprune.search.problem import SearchProblem
from edgeprune.search.samplers import amc, baselines, bocr, history, knapsack, stepwise
from edgeprune.search.samplers.optuna import PREFIX, optuna_spec
from edgeprune.search.samplers.spec import Options, SamplerSpec

#: Entry points of other packages: each is a `SamplerSpec`.
ENTRY_POINTS = "edgeprune.samplers"


def make_sampler(
    name: str, problem: SearchProblem, seed: int, trials: int, options: Mapping[str, Any]
) -> BaseSampler:
    """The sampler of this name, fresh.

    Args:
        name: see `sampler_spec`.
        problem: what is searched.
        seed: fixes all random choices.
        trials: how long the search will be.
        options: the sampler's own settings.

    Raises:
        SearchError: the name or an option is unknown, or a value out of its range.
    """
    spec = sampler_spec(name)
    spec.check(options)
    return spec.make(problem, seed, trials, options)


def sampler_spec(name: str) -> SamplerSpec:
    """What is known of a sampler.

    Args:
        name: one of `samplers`, ``optuna:ClassName``, or ``module:function`` of a function
            ``(problem, seed, trials, **options)`` that returns an Optuna sampler.

    Raises:
        SearchError: there is no such sampler, or it cannot be imported.
    """
    if (found := samplers().get(name)) is not None:
        return found
    if name.startswith(PREFIX):
        return optuna_spec(name)
    if ":" in name:
        return _own(name)
    allowed = [*sorted(samplers()), "optuna:TPESampler", "module:function"]
    hint = nearest(name, allowed)
    msg = f"unknown sampler {name!r}; allowed: {', '.join(allowed)} (any Optuna sampler){hint}"
    raise SearchError(msg)


@cache
def samplers() -> Mapping[str, SamplerSpec]:
    """All samplers that have a name: ours, and those that installed packages bring.

    Raises:
        SearchError: a package's entry point cannot be loaded, is no `SamplerSpec`, or takes a name
            that is taken.
    """
    ours = (knapsack, amc, history, bocr, stepwise, baselines)
    return specs(ENTRY_POINTS, (spec for package in ours for spec in package.SPECS), SearchError)


def samplers_of_weights() -> list[str]:
    """Names of those that search densities of single weights."""
    return sorted(name for name, spec in samplers().items() if spec.single_weights)


def _own(name: str) -> SamplerSpec:
    """A function of the user's own code."""
    function = load_object(name, "search.sampler", SearchError)

    def make(problem: SearchProblem, seed: int, trials: int, options: Options) -> BaseSampler:
        sampler = function(problem, seed, trials, **options)
        if not isinstance(sampler, BaseSampler):
            msg = f"sampler {name!r} returned {sampler!r}, which is no optuna.samplers.BaseSampler"
            raise SearchError(msg)
        return sampler

    return SamplerSpec(name, make, "a function of one's own", single_weights=True)

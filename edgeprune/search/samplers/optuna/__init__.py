"""Any of Optuna's own samplers, as ``optuna:ClassName``."""

from optuna.samplers import BaseSampler

from edgeprune.search.problem import SearchProblem
from edgeprune.search.samplers.optuna.sampler import (
    check_optuna_options,
    make_optuna_sampler,
    several_at_once,
)
from edgeprune.search.samplers.spec import Options, SamplerSpec

PREFIX = "optuna:"


def optuna_spec(name: str) -> SamplerSpec:
    """What is known of one of Optuna's: it stays what it is, so it is not told the curves.

    Args:
        name: ``optuna:TPESampler``.

    Raises:
        SearchError: Optuna has no such sampler, or it does not fit.
    """
    known = name.removeprefix(PREFIX)
    check_optuna_options(known, {})

    def make(problem: SearchProblem, seed: int, trials: int, options: Options) -> BaseSampler:
        return make_optuna_sampler(known, problem, seed, options)

    return SamplerSpec(
        name,
        make,
        f"Optuna's {known}, its proposals scaled to the budget",
        check=lambda options: check_optuna_options(known, options),
        several=lambda options: several_at_once(known, options),
        informed=False,
        single_weights=True,
    )

"""Samplers by name: `amc`, `random`, `uniform`, and Optuna's own as ``optuna:TPESampler``."""

from collections.abc import Callable, Mapping
from typing import Any

from optuna.samplers import BaseSampler

from edgeprune.errors import SearchError, nearest
from edgeprune.search.problem import SearchProblem
from edgeprune.search.samplers.amc import AmcSampler
from edgeprune.search.samplers.amc_options import AmcOptions, amc_options
from edgeprune.search.samplers.base import WidthSampler
from edgeprune.search.samplers.foreign import ProjectedSampler, make_optuna_sampler
from edgeprune.search.samplers.random import RandomWidthSampler
from edgeprune.search.samplers.uniform import UniformWidthSampler

__all__ = [
    "AmcOptions",
    "AmcSampler",
    "ProjectedSampler",
    "RandomWidthSampler",
    "UniformWidthSampler",
    "WidthSampler",
    "make_sampler",
]

_FOREIGN = "optuna:"
_WITHOUT_OPTIONS: dict[str, Callable[[SearchProblem, int], BaseSampler]] = {
    "random": RandomWidthSampler,
    "uniform": UniformWidthSampler,
}


def make_sampler(
    name: str, problem: SearchProblem, seed: int, trials: int, options: Mapping[str, Any]
) -> BaseSampler:
    """A sampler by its name.

    Args:
        name: ``amc``, ``random``, ``uniform`` or ``optuna:`` and a class of ``optuna.samplers``.
        problem: what is searched.
        seed: fixes all random choices.
        trials: length of the search.
        options: the sampler's own.

    Raises:
        SearchError: the name or an option is unknown, or an option has a wrong value.
    """
    if name.startswith(_FOREIGN):
        return make_optuna_sampler(name.removeprefix(_FOREIGN), problem, seed, options)
    if name == "amc":
        return AmcSampler(problem, seed, trials, amc_options(options))
    if name not in _WITHOUT_OPTIONS:
        allowed = ["amc", *_WITHOUT_OPTIONS]
        msg = (
            f"search.sampler: unknown sampler {name!r}; allowed: {', '.join(allowed)}, or an "
            f"Optuna sampler as {_FOREIGN}TPESampler{nearest(name, allowed)}"
        )
        raise SearchError(msg)
    if options:
        msg = f"search.options: {name} takes none, got {', '.join(options)}"
        raise SearchError(msg)
    return _WITHOUT_OPTIONS[name](problem, seed)

"""Samplers by name."""

from collections.abc import Callable, Mapping
from typing import Any

from optuna.samplers import BaseSampler

from edgeprune.errors import SearchError, nearest
from edgeprune.search.plugins import load_object
from edgeprune.search.problem import SearchProblem
from edgeprune.search.samplers.amc import AmcSampler
from edgeprune.search.samplers.amc_options import AmcOptions
from edgeprune.search.samplers.base import WidthSampler
from edgeprune.search.samplers.foreign import ProjectedSampler, make_optuna_sampler
from edgeprune.search.samplers.history import HistorySampler
from edgeprune.search.samplers.history_options import HistoryOptions
from edgeprune.search.samplers.knapsack import KnapsackSampler
from edgeprune.search.samplers.knapsack_options import KnapsackOptions
from edgeprune.search.samplers.purl import PurlSampler
from edgeprune.search.samplers.qlp import QlpSampler
from edgeprune.search.samplers.random import RandomWidthSampler
from edgeprune.search.samplers.stepwise_options import PurlOptions, QlpOptions
from edgeprune.search.samplers.uniform import UniformWidthSampler

__all__ = [
    "AmcOptions",
    "AmcSampler",
    "HistoryOptions",
    "HistorySampler",
    "KnapsackOptions",
    "KnapsackSampler",
    "ProjectedSampler",
    "PurlOptions",
    "PurlSampler",
    "QlpOptions",
    "QlpSampler",
    "RandomWidthSampler",
    "UniformWidthSampler",
    "WidthSampler",
    "make_sampler",
]

_OPTUNA = "optuna:"


def make_sampler(
    name: str, problem: SearchProblem, seed: int, trials: int, options: Mapping[str, Any]
) -> BaseSampler:
    """The sampler of this name, fresh.

    Args:
        name: ``amc``, ``bocr``, ``history``, ``knapsack``, ``purl``, ``qlp``, ``random``,
            ``uniform``, ``optuna:ClassName``, or
            ``module:function`` of a function ``(problem, seed, trials, **options)`` that returns
            an Optuna sampler.
        problem: what is searched.
        seed: fixes all random choices.
        trials: how long the search will be.
        options: the sampler's own settings.

    Raises:
        SearchError: the name or an option is unknown, or a value out of its range.
    """
    if name in _SAMPLERS:
        return _SAMPLERS[name](problem, seed, trials, options)
    if name.startswith(_OPTUNA):
        return make_optuna_sampler(name.removeprefix(_OPTUNA), problem, seed, options)
    if ":" in name:
        return _make_plugin(name, problem, seed, trials, options)
    allowed = [*sorted(_SAMPLERS), "optuna:TPESampler", "module:function"]
    hint = nearest(name, allowed)
    msg = f"unknown sampler {name!r}; allowed: {', '.join(allowed)} (any Optuna sampler){hint}"
    raise SearchError(msg)


def _make_amc(
    problem: SearchProblem, seed: int, trials: int, options: Mapping[str, Any]
) -> BaseSampler:
    return AmcSampler(problem, seed, trials, AmcOptions.from_mapping(options))


def _make_bocr(
    problem: SearchProblem, seed: int, trials: int, options: Mapping[str, Any]
) -> BaseSampler:
    # Not at the top: BoTorch takes seconds, and is an extra.
    from edgeprune.search.samplers.bocr import BocrSampler
    from edgeprune.search.samplers.bocr_options import BocrOptions

    chosen = BocrOptions.from_mapping(options)
    return BocrSampler(problem, seed, trials, chosen, scores=problem.scores)


def _make_history(
    problem: SearchProblem, seed: int, trials: int, options: Mapping[str, Any]
) -> BaseSampler:
    return HistorySampler(problem, seed, trials, HistoryOptions.from_mapping(options))


def _make_knapsack(
    problem: SearchProblem, seed: int, trials: int, options: Mapping[str, Any]
) -> BaseSampler:
    return KnapsackSampler(problem, seed, trials, KnapsackOptions.from_mapping(options))


def _make_purl(
    problem: SearchProblem, seed: int, trials: int, options: Mapping[str, Any]
) -> BaseSampler:
    return PurlSampler(problem, seed, trials, PurlOptions.from_mapping(options))


def _make_qlp(
    problem: SearchProblem, seed: int, trials: int, options: Mapping[str, Any]
) -> BaseSampler:
    return QlpSampler(problem, seed, trials, QlpOptions.from_mapping(options))


def _make_random(
    problem: SearchProblem, seed: int, trials: int, options: Mapping[str, Any]
) -> BaseSampler:
    _refuse_options("random", options)
    return RandomWidthSampler(problem, seed)


def _make_uniform(
    problem: SearchProblem, seed: int, trials: int, options: Mapping[str, Any]
) -> BaseSampler:
    _refuse_options("uniform", options)
    return UniformWidthSampler(problem, seed)


def _make_plugin(
    name: str, problem: SearchProblem, seed: int, trials: int, options: Mapping[str, Any]
) -> BaseSampler:
    sampler = load_object(name, "sampler")(problem, seed, trials, **options)
    if not isinstance(sampler, BaseSampler):
        msg = f"sampler {name!r} returned {sampler!r}, which is no optuna.samplers.BaseSampler"
        raise SearchError(msg)
    return sampler


def _refuse_options(name: str, options: Mapping[str, Any]) -> None:
    if options:
        msg = f"sampler {name!r} takes no options, got {', '.join(map(repr, options))}"
        raise SearchError(msg)


_Factory = Callable[[SearchProblem, int, int, Mapping[str, Any]], BaseSampler]
_SAMPLERS: dict[str, _Factory] = {
    "amc": _make_amc,
    "bocr": _make_bocr,
    "history": _make_history,
    "knapsack": _make_knapsack,
    "purl": _make_purl,
    "qlp": _make_qlp,
    "random": _make_random,
    "uniform": _make_uniform,
}

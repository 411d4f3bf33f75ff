"""Samplers by name."""

from collections.abc import Mapping
from typing import Any

from optuna.samplers import BaseSampler

from edgeprune.errors import SearchError, nearest
from edgeprune.search.plugins import load_object
from edgeprune.search.problem import SearchProblem
from edgeprune.search.samplers.amc import AmcSampler
from edgeprune.search.samplers.amc_options import AmcOptions
from edgeprune.search.samplers.bocr_options import BocrOptions
from edgeprune.search.samplers.foreign import check_optuna_options, make_optuna_sampler
from edgeprune.search.samplers.history import HistorySampler
from edgeprune.search.samplers.history_options import HistoryOptions
from edgeprune.search.samplers.knapsack import KnapsackSampler
from edgeprune.search.samplers.knapsack_options import KnapsackOptions
from edgeprune.search.samplers.purl import PurlSampler
from edgeprune.search.samplers.qlp import QlpSampler
from edgeprune.search.samplers.random import RandomWidthSampler
from edgeprune.search.samplers.spec import Make, Options, SamplerSpec
from edgeprune.search.samplers.stepwise_options import PurlOptions, QlpOptions
from edgeprune.search.samplers.uniform import UniformWidthSampler

_OPTUNA = "optuna:"


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
    return sampler_spec(name).make(problem, seed, trials, options)


def sampler_spec(name: str) -> SamplerSpec:
    """What is known of a sampler.

    Args:
        name: ``amc``, ``bocr``, ``history``, ``knapsack``, ``purl``, ``qlp``, ``random``,
            ``uniform``, ``optuna:ClassName``, or ``module:function`` of a function ``(problem,
            seed, trials, **options)`` that returns an Optuna sampler.

    Raises:
        SearchError: there is no such sampler, or a function cannot be imported.
    """
    if name in _SPECS:
        return _SPECS[name]
    if name.startswith(_OPTUNA):
        return _optuna(name)
    if ":" in name:
        return SamplerSpec(name, _plugin(name), single_weights=True)
    allowed = [*sorted(_SPECS), "optuna:TPESampler", "module:function"]
    hint = nearest(name, allowed)
    msg = f"unknown sampler {name!r}; allowed: {', '.join(allowed)} (any Optuna sampler){hint}"
    raise SearchError(msg)


def samplers_of_weights() -> list[str]:
    """Names of those of ours that search densities of single weights."""
    return sorted(name for name, spec in _SPECS.items() if spec.single_weights)


def _optuna(name: str) -> SamplerSpec:
    """One of Optuna's: it stays what it is, so it is not told the curves."""
    known = name.removeprefix(_OPTUNA)
    check_optuna_options(known, {})

    def make(problem: SearchProblem, seed: int, trials: int, options: Options) -> BaseSampler:
        return make_optuna_sampler(known, problem, seed, options)

    return SamplerSpec(
        name,
        make,
        check=lambda options: check_optuna_options(known, options),
        informed=False,
        single_weights=True,
    )


def _plugin(name: str) -> Make:
    function = load_object(name, "sampler")

    def make(problem: SearchProblem, seed: int, trials: int, options: Options) -> BaseSampler:
        sampler = function(problem, seed, trials, **options)
        if not isinstance(sampler, BaseSampler):
            msg = f"sampler {name!r} returned {sampler!r}, which is no optuna.samplers.BaseSampler"
            raise SearchError(msg)
        return sampler

    return make


def _make_bocr(problem: SearchProblem, seed: int, trials: int, options: Options) -> BaseSampler:
    # Not at the top: BoTorch takes seconds, and is an extra.
    from edgeprune.search.samplers.bocr import BocrSampler

    chosen = BocrOptions.from_mapping(options)
    return BocrSampler(problem, seed, trials, chosen, scores=problem.scores)


def _no_options(name: str, options: Options) -> None:
    if options:
        msg = f"sampler {name!r} takes no options, got {', '.join(map(repr, options))}"
        raise SearchError(msg)


def _make_random(problem: SearchProblem, seed: int, trials: int, options: Options) -> BaseSampler:
    _no_options("random", options)
    return RandomWidthSampler(problem, seed)


def _make_uniform(problem: SearchProblem, seed: int, trials: int, options: Options) -> BaseSampler:
    _no_options("uniform", options)
    return UniformWidthSampler(problem, seed)


_SPECS = {
    spec.name: spec
    for spec in (
        SamplerSpec(
            "amc",
            lambda problem, seed, trials, options: AmcSampler(
                problem, seed, trials, AmcOptions.from_mapping(options)
            ),
            check=AmcOptions.from_mapping,
            single_weights=True,
        ),
        SamplerSpec("bocr", _make_bocr, check=BocrOptions.from_mapping),
        SamplerSpec(
            "history",
            lambda problem, seed, trials, options: HistorySampler(
                problem, seed, trials, HistoryOptions.from_mapping(options)
            ),
            check=HistoryOptions.from_mapping,
            recalls=True,
        ),
        SamplerSpec(
            "knapsack",
            lambda problem, seed, trials, options: KnapsackSampler(
                problem, seed, trials, KnapsackOptions.from_mapping(options)
            ),
            check=KnapsackOptions.from_mapping,
            begins=True,
        ),
        SamplerSpec(
            "purl",
            lambda problem, seed, trials, options: PurlSampler(
                problem, seed, trials, PurlOptions.from_mapping(options)
            ),
            check=PurlOptions.from_mapping,
            single_weights=True,
        ),
        SamplerSpec(
            "qlp",
            lambda problem, seed, trials, options: QlpSampler(
                problem, seed, trials, QlpOptions.from_mapping(options)
            ),
            check=QlpOptions.from_mapping,
            single_weights=True,
            regimes=lambda options, target: QlpOptions.from_mapping(options).ladder(target),
        ),
        SamplerSpec(
            "random",
            _make_random,
            check=lambda options: _no_options("random", options),
            learns=False,
            informed=False,
            single_weights=True,
        ),
        SamplerSpec(
            "uniform",
            _make_uniform,
            check=lambda options: _no_options("uniform", options),
            learns=False,
            informed=False,
            single_weights=True,
        ),
    )
}

"""Samplers by name."""

from collections.abc import Mapping
from typing import Any

from optuna.samplers import BaseSampler

from edgeprune.errors import SearchError, nearest
from edgeprune.search.problem import SearchProblem
from edgeprune.search.samplers.amc import AmcSampler
from edgeprune.search.samplers.amc_options import AmcOptions
from edgeprune.search.samplers.foreign import make_optuna_sampler
from edgeprune.search.samplers.random import RandomWidthSampler
from edgeprune.search.samplers.uniform import UniformWidthSampler

def make_sampler(name: str, problem: SearchProblem, seed: int, trials: int, options: Mapping[str, Any]) -> BaseSampler:
    if name.startswith("optuna:"):
        return make_optuna_sampler(name.removeprefix("optuna:"), problem, seed, options)
    if name == "amc":
        return AmcSampler(problem, seed, trials, AmcOptions.from_mapping(options).resolved(trials) if hasattr(AmcOptions,'from_mapping') else AmcOptions(**options).resolved(trials))
    if name == "random":
        return RandomWidthSampler(problem, seed)
    if name == "uniform":
        return UniformWidthSampler(problem, seed)
    raise SearchError(f"search.sampler {name!r} unknown; allowed: amc, random, uniform, optuna:NAME" + nearest(name, ["amc","random","uniform"]))

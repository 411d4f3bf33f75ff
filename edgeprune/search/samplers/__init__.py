"""Samplers by name. Classes are loaded on first use: the agents import torch and more."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from edgeprune.search.samplers.registry import (
    make_sampler,
    sampler_spec,
    samplers,
    samplers_of_weights,
)
from edgeprune.search.samplers.spec import SamplerSpec

if TYPE_CHECKING:
    from edgeprune.search.samplers.amc.options import AmcOptions
    from edgeprune.search.samplers.amc.sampler import AmcSampler
    from edgeprune.search.samplers.base import WidthSampler
    from edgeprune.search.samplers.baselines.random import RandomWidthSampler
    from edgeprune.search.samplers.baselines.uniform import UniformWidthSampler
    from edgeprune.search.samplers.bocr.options import BocrOptions
    from edgeprune.search.samplers.bocr.sampler import BocrSampler
    from edgeprune.search.samplers.checked_options import CheckedOptions
    from edgeprune.search.samplers.history.options import HistoryOptions
    from edgeprune.search.samplers.history.sampler import HistorySampler
    from edgeprune.search.samplers.knapsack.options import KnapsackOptions
    from edgeprune.search.samplers.knapsack.sampler import KnapsackSampler
    from edgeprune.search.samplers.optuna.sampler import ProjectedSampler
    from edgeprune.search.samplers.stepwise.options import PurlOptions, QlpOptions
    from edgeprune.search.samplers.stepwise.purl import PurlSampler
    from edgeprune.search.samplers.stepwise.qlp import QlpSampler

_HOME = {
    "AmcOptions": "amc.options",
    "AmcSampler": "amc.sampler",
    "BocrOptions": "bocr.options",
    "BocrSampler": "bocr.sampler",
    "CheckedOptions": "checked_options",
    "HistoryOptions": "history.options",
    "HistorySampler": "history.sampler",
    "KnapsackOptions": "knapsack.options",
    "KnapsackSampler": "knapsack.sampler",
    "ProjectedSampler": "optuna.sampler",
    "PurlOptions": "stepwise.options",
    "PurlSampler": "stepwise.purl",
    "QlpOptions": "stepwise.options",
    "QlpSampler": "stepwise.qlp",
    "RandomWidthSampler": "baselines.random",
    "UniformWidthSampler": "baselines.uniform",
    "WidthSampler": "base",
}

__all__ = [
    "AmcOptions",
    "AmcSampler",
    "BocrOptions",
    "BocrSampler",
    "CheckedOptions",
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
    "SamplerSpec",
    "UniformWidthSampler",
    "WidthSampler",
    "make_sampler",
    "sampler_spec",
    "samplers",
    "samplers_of_weights",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg)
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)

"""Samplers by name."""

from edgeprune.search.samplers.amc import AmcSampler
from edgeprune.search.samplers.amc_options import AmcOptions
from edgeprune.search.samplers.base import WidthSampler
from edgeprune.search.samplers.foreign import ProjectedSampler
from edgeprune.search.samplers.history import HistorySampler
from edgeprune.search.samplers.history_options import HistoryOptions
from edgeprune.search.samplers.knapsack import KnapsackSampler
from edgeprune.search.samplers.knapsack_options import KnapsackOptions
from edgeprune.search.samplers.purl import PurlSampler
from edgeprune.search.samplers.qlp import QlpSampler
from edgeprune.search.samplers.random import RandomWidthSampler
from edgeprune.search.samplers.registry import make_sampler, sampler_spec, samplers_of_weights
from edgeprune.search.samplers.spec import SamplerSpec
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
    "SamplerSpec",
    "UniformWidthSampler",
    "WidthSampler",
    "make_sampler",
    "sampler_spec",
    "samplers_of_weights",
]

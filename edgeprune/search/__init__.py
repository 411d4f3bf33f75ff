"""Search: samplers that propose widths, rewards, and the loop that evaluates them."""

from edgeprune.search.allocation import Allocator
from edgeprune.search.filling import fill
from edgeprune.search.fitting import fit_to_budget
from edgeprune.search.journal import SearchTrial, SetAside, read_entries, read_trials
from edgeprune.search.outcome import Outcome
from edgeprune.search.problem import SearchProblem, Widths
from edgeprune.search.rewards import make_reward
from edgeprune.search.samplers import (
    SamplerSpec,
    make_sampler,
    sampler_spec,
    samplers_of_weights,
)
from edgeprune.search.sources import SourceRun
from edgeprune.search.study import SearchResult, run_search

__all__ = [
    "Allocator",
    "Outcome",
    "SamplerSpec",
    "SearchProblem",
    "SearchResult",
    "SearchTrial",
    "SetAside",
    "SourceRun",
    "Widths",
    "fill",
    "fit_to_budget",
    "make_reward",
    "make_sampler",
    "read_entries",
    "read_trials",
    "run_search",
    "sampler_spec",
    "samplers_of_weights",
]

"""What every search is held against: random plans and uniform ones. They are told nothing."""

from edgeprune.search.samplers.baselines.random import RandomWidthSampler
from edgeprune.search.samplers.baselines.uniform import UniformWidthSampler
from edgeprune.search.samplers.spec import SamplerSpec, no_options

SPECS = (
    SamplerSpec(
        "random",
        lambda problem, seed, trials, options: RandomWidthSampler(problem, seed),
        "uniformly random keep ratios, scaled to the budget",
        when="you want to know what a search is worth",
        check=no_options("random"),
        learns=False,
        informed=False,
        single_weights=True,
    ),
    SamplerSpec(
        "uniform",
        lambda problem, seed, trials, options: UniformWidthSampler(problem, seed),
        "the same keep ratio everywhere",
        when="you want to know what a search is worth",
        check=no_options("uniform"),
        learns=False,
        informed=False,
        single_weights=True,
    ),
)

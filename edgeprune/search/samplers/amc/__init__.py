"""AMC: a DDPG agent that decides layer by layer (He et al., ECCV 2018)."""

from edgeprune.search.samplers.amc.options import AmcOptions
from edgeprune.search.samplers.spec import SamplerSpec, later

SPECS = (
    SamplerSpec(
        "amc",
        later("edgeprune.search.samplers.amc.critics", "amc_sampler", AmcOptions),
        "a DDPG agent decides layer by layer (AMC, He et al., ECCV 2018)",
        when="you can afford hundreds of trials",
        check=AmcOptions.from_mapping,
        single_weights=True,
    ),
)

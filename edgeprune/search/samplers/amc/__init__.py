"""AMC: a DDPG agent that decides layer by layer (He et al., ECCV 2018)."""

from edgeprune.search.samplers.amc.options import AmcOptions
from edgeprune.search.samplers.spec import SamplerSpec, later

SPECS = (
    SamplerSpec(
        "amc",
        later("edgeprune.search.samplers.amc.sampler", "AmcSampler", AmcOptions),
        "a DDPG agent decides layer by layer (AMC, He et al., ECCV 2018)",
        check=AmcOptions.from_mapping,
        single_weights=True,
    ),
)

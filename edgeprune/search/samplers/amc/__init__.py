"""AMC: an agent that learns how much of each layer to keep (He et al., ECCV 2018)."""

from edgeprune.search.samplers.amc.options import AmcOptions
from edgeprune.search.samplers.spec import SamplerSpec, later

SPECS = (
    SamplerSpec(
        "amc",
        later("edgeprune.search.samplers.amc.critics", "amc_sampler", AmcOptions),
        "an agent learns how much of each layer to keep (AMC, He et al., ECCV 2018)",
        when="you want an agent; its plan critic needs 80 trials, critic: step hundreds",
        check=AmcOptions.from_mapping,
        single_weights=True,
    ),
)

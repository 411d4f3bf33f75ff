"""The default: allocations from sensitivity curves, and a search over their coefficients."""

from edgeprune.search.samplers.knapsack.options import KnapsackOptions
from edgeprune.search.samplers.spec import SamplerSpec, later

SPECS = (
    SamplerSpec(
        "knapsack",
        later("edgeprune.search.samplers.knapsack.sampler", "KnapsackSampler", KnapsackOptions),
        "allocations from sensitivity curves, then a search over their coefficients (after SPDY, "
        "Frantar and Alistarh, 2022)",
        when="always, unless another line is yours; the default",
        check=KnapsackOptions.from_mapping,
        begins=True,
    ),
)

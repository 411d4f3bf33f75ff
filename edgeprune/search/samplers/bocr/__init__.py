"""BOCR: Bayesian optimisation of clusters of groups that are untied on the way."""

from edgeprune.search.samplers.bocr.options import BocrOptions
from edgeprune.search.samplers.spec import SamplerSpec, later

SPECS = (
    SamplerSpec(
        "bocr",
        later("edgeprune.search.samplers.bocr.sampler", "BocrSampler", BocrOptions),
        "Bayesian optimisation of clusters of groups, untied on the way (BOCR)",
        when="trials are slow (TensorRT, a far board), and 25 to 200 of them must do",
        check=BocrOptions.from_mapping,
    ),
)

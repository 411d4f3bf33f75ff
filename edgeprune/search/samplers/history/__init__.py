"""AMC's agent with what earlier searches on the target have taught (Mu et al.)."""

from edgeprune.search.samplers.history.options import HistoryOptions
from edgeprune.search.samplers.spec import SamplerSpec, later

SPECS = (
    SamplerSpec(
        "history",
        later("edgeprune.search.samplers.history.sampler", "HistorySampler", HistoryOptions),
        "AMC's agent, started and advised by the target's earlier searches (Mu et al.)",
        when="networks alike were searched on this device before, and there are no curves",
        check=HistoryOptions.from_mapping,
        recalls=True,
    ),
)

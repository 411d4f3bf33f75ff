"""Q-learning agents that prune in steps, each of which is scored: PuRL and QLP."""

from edgeprune.search.samplers.spec import SamplerSpec, later
from edgeprune.search.samplers.stepwise.options import PurlOptions, QlpOptions

SPECS = (
    SamplerSpec(
        "purl",
        later("edgeprune.search.samplers.stepwise.purl", "PurlSampler", PurlOptions),
        "a DQN agent that goes over the layers once and is rewarded at every step (PuRL)",
        when="you compare methods, or prune single weights",
        check=PurlOptions.from_mapping,
        single_weights=True,
        several=None,
    ),
    SamplerSpec(
        "qlp",
        later("edgeprune.search.samplers.stepwise.thresholds", "qlp_sampler", QlpOptions),
        "a DQN agent that is led down over a curriculum of budgets (QLP)",
        when="you want a bundle for every step of a ladder",
        check=QlpOptions.from_mapping,
        single_weights=True,
        several=None,
        regimes=lambda options, target: QlpOptions.from_mapping(options).ladder(target),
    ),
)

"""The history sampler's switches and numbers."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from edgeprune.search.samplers.amc.options import AmcOptions, Noise

Few = Annotated[int, Field(ge=1, le=1000)]


class HistoryOptions(AmcOptions):
    """Parameters of `HistorySampler`: AMC's, and those of what it takes from earlier searches.

    Attributes:
        transfer: an earlier search's actor and critic propose.
        augmented: those of all of them, pooled; takes the place of `transfer`'s one source.
        assistant: a model picks which of the proposals is evaluated, in place of the critic.
        replay: the best of earlier searches of the same network are evaluated first.
        replay_others: those of other networks, too.
        replayed: how many of them.
        proposer: whose proposals are picked from: ``agent``, or ``random`` for none.
        proposals: how many the proposer makes for one evaluation.
        variations: how many more are made by changing the best that were evaluated.
        optimism: standard deviations added to the prediction at first; none in the end.
        transferred_noise: standard deviation of the noise on a transferred actor's keep ratios.
    """

    sampler: ClassVar[str] = "history"

    transfer: bool = True
    augmented: bool = True
    assistant: bool = False
    replay: bool = True
    replay_others: bool = False
    replayed: Few = 3
    proposer: Literal["agent", "random"] = "agent"
    proposals: Few = 16
    variations: Annotated[int, Field(ge=0, le=1000)] = 16
    optimism: Annotated[float, Field(ge=0, le=100)] = 1.0
    transferred_noise: Noise = 0.15

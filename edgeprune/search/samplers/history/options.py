"""The history sampler's switches and numbers."""

from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field

from edgeprune.search.samplers.amc.options import AmcOptions, Noise, Share

Few = Annotated[int, Field(ge=1, le=1000)]


class HistoryOptions(AmcOptions):
    """Parameters of `HistorySampler`: AMC's, and those of what it takes from earlier searches.

    Attributes:
        critic: DDPG alone transfers.
        transfer: the agent starts from an earlier search.
        augmented: it starts from all of them, pooled; takes the place of `transfer`'s one source.
        assistant: a model picks which of the proposals is evaluated.
        replay: the best of earlier searches are evaluated first.
        replayed: how many of those.
        proposer: whose proposals the assistant picks from: ``agent``, or ``random`` for none.
        proposals: how many the proposer makes for one evaluation.
        variations: how many more are made by changing the best that were evaluated.
        optimism: standard deviations added to the assistant's prediction at first; none in the end.
        transferred_warmup: share of the trials that a transferred agent explores at random (AMC's
            is an eighth, or a quarter of a short search).
        transferred_noise: noise of a transferred agent when its warm-up ends (AMC's is 0.5).
        offline_updates: gradient steps on the pool before the first trial (`augmented`).
    """

    sampler: ClassVar[str] = "history"

    critic: Literal["step"] = "step"
    transfer: bool = True
    augmented: bool = True
    assistant: bool = True
    replay: bool = True
    replayed: Few = 3
    proposer: Literal["agent", "random"] = "agent"
    proposals: Few = 16
    variations: Annotated[int, Field(ge=0, le=1000)] = 16
    optimism: Annotated[float, Field(ge=0, le=100)] = 1.0
    transferred_warmup: Share = 0.05
    transferred_noise: Noise = 0.5
    offline_updates: Annotated[int, Field(ge=0, le=10**6)] = 600

    def transferred(self, trials: int) -> Self:
        """The agent's options where it starts from earlier searches."""
        warmup = self.warmup
        if warmup is None:
            warmup = round(self.transferred_warmup * trials)
        shorter = {"warmup": warmup, "noise": self.transferred_noise}
        return self.model_copy(update=shorter).resolved(trials)

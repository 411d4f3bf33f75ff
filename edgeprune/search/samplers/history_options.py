"""The history sampler's switches and numbers."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from edgeprune.errors import SearchError, nearest
from edgeprune.search.samplers.amc_options import AmcOptions


@dataclass(frozen=True)
class HistoryOptions:
    """Parameters of `HistorySampler`: AMC's, and those of what it takes from earlier searches.

    Attributes:
        amc: of the agent, and of the whole search where there is nothing to learn from.
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

    amc: AmcOptions = field(default_factory=AmcOptions)
    transfer: bool = True
    augmented: bool = True
    assistant: bool = True
    replay: bool = True
    replayed: int = 3
    proposer: str = "agent"
    proposals: int = 16
    variations: int = 16
    optimism: float = 1.0
    transferred_warmup: float = 0.05
    transferred_noise: float = 0.5
    offline_updates: int = 600

    @classmethod
    def from_mapping(cls, options: Mapping[str, Any]) -> Self:
        """Options from a pipeline file: AMC's and these, side by side.

        Raises:
            SearchError: an unknown option, or a value out of its range.
        """
        own = [one.name for one in dataclasses.fields(cls) if one.name != "amc"]
        agents = [one.name for one in dataclasses.fields(AmcOptions)]
        for name, value in options.items():
            if name not in (*own, *agents):
                msg = (
                    f"option {name!r} is unknown to sampler 'history'; allowed: "
                    f"{', '.join((*own, *agents))}{nearest(name, (*own, *agents))}"
                )
                raise SearchError(msg)
            if name in own:
                _check(name, value)
        amc = AmcOptions.from_mapping({k: v for k, v in options.items() if k in agents})
        return cls(amc=amc, **{k: v for k, v in options.items() if k in own})

    def transferred(self, trials: int) -> AmcOptions:
        """The agent's options where it starts from earlier searches."""
        warmup = self.amc.warmup
        if warmup is None:
            warmup = round(self.transferred_warmup * trials)
        shorter = dataclasses.replace(self.amc, warmup=warmup, noise=self.transferred_noise)
        return shorter.resolved(trials)


#: Lowest and highest value of each number, and whether it must be whole.
_RANGES: dict[str, tuple[float, float, bool]] = {
    "replayed": (1, 1000, True),
    "proposals": (1, 1000, True),
    "variations": (0, 1000, True),
    "optimism": (0, 100, False),
    "transferred_warmup": (0, 1, False),
    "transferred_noise": (1e-6, 10, False),
    "offline_updates": (0, 1e6, True),
}


def _check(name: str, value: Any) -> None:
    if name in _RANGES:
        low, high, whole = _RANGES[name]
        allowed = f"a{' whole' if whole else ''} number from {low:g} to {high:g}"
        number = isinstance(value, int if whole else int | float) and not isinstance(value, bool)
        fine = number and low <= value <= high
    elif name == "proposer":
        allowed, fine = "agent, random", value in ("agent", "random")
    else:
        allowed, fine = "true or false", isinstance(value, bool)
    if not fine:
        msg = f"option {name!r} of sampler 'history' is {value!r}; allowed: {allowed}"
        raise SearchError(msg)

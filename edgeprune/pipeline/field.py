"""Who may race for being the result, whatever is cut."""

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

from pydantic import BaseModel

from edgeprune.devices import Comparison
from edgeprune.pipeline.session import Session
from edgeprune.search import SearchResult, SearchTrial, Widths
from edgeprune.search.promise import WORTHS, promise

#: How many trials of the user's own search race.
FINALISTS = 4
#: Trials that miss the budget by no more than this share stand in where fewer than `FINALISTS` are
#: within it: a measured ratio moves by as much, and narrowing them costs little.
NEAR_MISS = 0.1
#: Plans whose groups all differ by no more than this share of their channels are alike.
_ALIKE = 0.1
#: The baselines that every report shows (decision 9), by what is cut, and what their plans are
#: called.
BASELINES = {
    "channels": {"uniform": "uniform-L1", "filled": "uniform-L1, filled", "random": "random"},
    "weights": {"magnitude": "global magnitude", "uniform": "uniform density", "random": "random"},
}


@dataclass(frozen=True)
class Contender:
    """Widths that race, measured within the budget.

    Attributes:
        name: of it and its files.
        found_by: where its widths come from, in words: ``knapsack trial 12``.
        widths: kept channels by group.
        roles: the baselines whose plan this is; one with roles is always trained to the end.
        importance: chooses its channels; None: as the pipeline says.
        trial: number of the trial that it comes from, where it comes from one.
        comparison: its measurement before it was trained, where the budget is on latency.
    """

    name: str
    found_by: str
    widths: Widths
    roles: tuple[str, ...] = ()
    importance: str | None = None
    trial: int | None = None
    comparison: Comparison | None = None

    def equals(self, other: "Contender") -> bool:
        """Whether it is the same network."""
        return self.widths == other.widths and self.importance == other.importance


class Field(BaseModel):
    """All contenders of one budget.

    Attributes:
        contenders: no two are the same network.
        unmeasured: why others do not race, as the device failed to measure them; by who they are.
    """

    contenders: tuple[Contender, ...]
    unmeasured: dict[str, str] = {}

    @classmethod
    def of(
        cls, contenders: Sequence[Contender], unmeasured: Mapping[str, str] | None = None
    ) -> Self:
        """Contenders that are the same network become one: they are trained once."""
        distinct: list[Contender] = []
        for one in contenders:
            index = next((i for i, each in enumerate(distinct) if each.equals(one)), None)
            if index is None:
                distinct.append(one)
                continue
            first = distinct[index]
            both = f"{first.found_by} = {one.found_by}"
            roles = first.roles + one.roles
            distinct[index] = dataclasses.replace(first, found_by=both, roles=roles)
        return cls(contenders=tuple(distinct), unmeasured=dict(unmeasured or {}))

    def finalists(self, role: str) -> tuple[int, ...]:
        """Numbers of the trials among which a role's plan was chosen: ``result`` or a baseline."""
        own = [
            one
            for one in self.contenders
            if (one.name.startswith("search-") if role == "result" else role in one.roles)
        ]
        return tuple(one.trial for one in own if one.trial is not None)


def choose(
    found: SearchResult,
    limit: float,
    full: Widths | None = None,
    worths: Sequence[float] = WORTHS,
    near: float = 0.0,
) -> list[SearchTrial]:
    """The trials that promise most of those `within` the budget, none a near copy of another.

    Args:
        found: the search.
        limit: largest cost.
        full: what a difference is small beside; None: what a trial keeps itself.
        worths: of capacity beside the rewards.
        near: see `within`.
    """
    chosen: list[SearchTrial] = []
    for trial in promising(within(found, limit, near), worths):
        if not any(_alike(trial.widths, one.widths, full or one.widths) for one in chosen):
            chosen.append(trial)
    return chosen


def trial_words(session: Session, trial: SearchTrial) -> str:
    """``knapsack trial 12``: who found a contender of the user's own search."""
    sampler = session.config.finder
    whose = " (own search)" if sampler == "random" else ""
    return f"{sampler} trial {trial.number}{whose}"


def promising(trials: Sequence[SearchTrial], worths: Sequence[float] = WORTHS) -> list[SearchTrial]:
    """All trials, the best by each promise in turns: first those of the largest capacity."""

    def ranked(worth: float) -> list[SearchTrial]:
        return sorted(trials, key=lambda one: -promise(one.reward, one.outcome.macs, worth))

    orders = [ranked(worth) for worth in reversed(worths)]
    in_turns = [trial for place in zip(*orders, strict=True) for trial in place]
    return list({trial.number: trial for trial in in_turns}.values())


def _alike(one: Widths, other: Widths, full: Widths) -> bool:
    """Whether two plans are so near to each other that training both would say nothing more."""
    return all(
        abs(one[group] - other[group]) <= _ALIKE * channels
        and (one[group] == 0) == (other[group] == 0)
        for group, channels in full.items()
    )


def within(found: SearchResult, limit: float, near: float = 0.0) -> list[SearchTrial]:
    """The trials within the budget, best first; the nearest misses too where these are few.

    Args:
        found: the search.
        limit: largest cost.
        near: share of it by which a trial may miss it; 0 where nothing narrows a plan afterwards.

    Returns:
        One trial at least, whatever it costs.
    """
    by_cost = sorted(found.trials, key=lambda trial: trial.outcome.cost)
    inside = sum(trial.outcome.cost <= limit for trial in by_cost)
    beside = sum(trial.outcome.cost <= (1 + near) * limit for trial in by_cost)
    chosen = by_cost[: max(inside, min(beside, FINALISTS))]
    return sorted(chosen, key=lambda trial: -trial.reward) or [found.best]

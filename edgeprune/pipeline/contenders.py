"""Who races for being the result: the best of the search, and the baselines' own plans."""

import dataclasses
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Self

from edgeprune.latency import NetModel
from edgeprune.pipeline.goals import Goal
from edgeprune.pipeline.searching import search_problem
from edgeprune.pipeline.session import Session
from edgeprune.pipeline.settling import (
    Settled,
    settle,
    settle_filled,
    settle_uniform,
    smallest_widths,
)
from edgeprune.search import SearchResult, SearchTrial, Widths
from edgeprune.search.promise import WORTHS, promise

#: How many trials of the user's own search race.
FINALISTS = 4
#: How many trials may be measured again for them.
MOST_MEASURED = 16
#: Plans whose groups all differ by no more than this share of their channels are alike.
_ALIKE = 0.1
#: The baselines that every report shows (decision 9), and what their plans are called.
BASELINES = {"uniform": "uniform-L1", "filled": "uniform-L1, filled", "random": "random"}


@dataclass(frozen=True)
class Contender:
    """Widths that race, measured within the budget.

    Attributes:
        name: of it and its files.
        found_by: where its widths come from, in words: ``knapsack trial 12``.
        widths: kept channels by group.
        roles: the baselines whose plan this is; one with roles is always trained to the end.
        importance: chooses its channels; None: as the pipeline says.
    """

    name: str
    found_by: str
    widths: Widths
    roles: tuple[str, ...] = ()
    importance: str | None = None

    def equals(self, other: "Contender") -> bool:
        """Whether it is the same network."""
        return self.widths == other.widths and self.importance == other.importance


@dataclass(frozen=True)
class Field:
    """All contenders of one budget.

    Attributes:
        contenders: no two are the same network.
        finalists: numbers of the trials that were measured again, by ``result`` and ``random``.
    """

    contenders: tuple[Contender, ...]
    finalists: dict[str, list[int]] = field(default_factory=dict)

    @classmethod
    def of(cls, contenders: Sequence[Contender], finalists: dict[str, list[int]]) -> Self:
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
        return cls(tuple(distinct), finalists)

    @classmethod
    def from_json(cls, record: dict[str, Any]) -> Self:
        """Read back what `to_json` gave."""
        found = [Contender(**{**one, "roles": tuple(one["roles"])}) for one in record["contenders"]]
        return cls(tuple(found), record["finalists"])

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return dataclasses.asdict(self)


def gather(
    session: Session,
    goal: Goal,
    found: SearchResult,
    compared: SearchResult,
    kernels: NetModel | None,
) -> Field:
    """The contenders of one budget, each measured again and narrowed where it has to be.

    Args:
        session: the open run.
        goal: the budget.
        found: the user's own search.
        compared: random search with as many trials.
        kernels: latency of the model from the target's kernels, where they are known.
    """
    stage = goal.named("contenders")
    record = session.directory.record(stage)
    if record is None:
        session.reporter.log(f"{stage}: measuring the finalists again")
        own, numbers = finalists(session, goal, found)
        random, measured = _best_random(session, goal, compared)
        uniform = settle_uniform(session, goal.limit)
        filled = _filled(session, goal, uniform, (found, compared), kernels)
        everyone = [
            *own,
            Contender("filled", BASELINES["filled"], filled.widths, ("filled",), "l1"),
            Contender("uniform", BASELINES["uniform"], uniform.widths, ("uniform",), "l1"),
            random,
        ]
        made = Field.of(everyone, {"result": numbers, "random": measured})
        record = session.directory.finish(stage, made.to_json())
    return Field.from_json(record)


def gather_smallest(session: Session, goal: Goal) -> Field:
    """The contenders of a budget that nothing meets: the smallest widths, and uniform ones."""
    stage = goal.named("contenders")
    record = session.directory.record(stage)
    if record is None:
        uniform = settle_uniform(session, goal.limit).widths
        smallest = smallest_widths(session)
        everyone = [
            Contender("smallest", "the smallest candidate", smallest, ("random",)),
            Contender("uniform", BASELINES["uniform"], uniform, ("uniform", "filled"), "l1"),
        ]
        made = Field.of(everyone, {"result": [], "random": []})
        record = session.directory.finish(stage, made.to_json())
    return Field.from_json(record)


def finalists(
    session: Session, goal: Goal, found: SearchResult
) -> tuple[list[Contender], list[int]]:
    """The trials that promise most and surely meet the budget, by one promise and another.

    Only where none meets it the best is narrowed; none where not even that meets it.
    """
    sampler = session.config.search.sampler
    whose = " (own search)" if sampler == "random" else ""
    trials = promising(_within(found, goal.limit))
    sure, numbers = _surely_within(session, trials, goal.limit, FINALISTS)
    chosen = [
        Contender(f"search-{one.number}", f"{sampler} trial {one.number}{whose}", one.widths)
        for one in sure
    ]
    if not chosen:
        best = trials[0]
        settled = settle(session, [best.widths], goal.limit)
        words = _words(f"{sampler} trial {best.number}{whose}", best, settled)
        if settled.met:
            chosen.append(Contender(f"search-{best.number}", words, settled.widths))
    return chosen, numbers


def _surely_within(
    session: Session, trials: Sequence[SearchTrial], limit: float, count: int
) -> tuple[list[SearchTrial], list[int]]:
    """The first trials that, measured again, hold the limit with their whole interval.

    A search's best trials are partly lucky: measured again, some miss the budget, and the next
    ones stand in, since a narrowed plan has widths that no search chose. Those that would miss it
    as well if they were off by as much are not measured, nor near copies of what is chosen.

    Returns:
        At most so many trials, and the numbers of all that were measured.
    """
    chosen: list[SearchTrial] = []
    numbers: list[int] = []
    off_by = [1.0]
    for trial in trials:
        expected = trial.outcome.latency_ratio * max(1.0, statistics.median(off_by))
        known = any(_alike(trial.widths, one.widths, session.space.full) for one in chosen)
        if known or expected > limit:
            continue
        comparison = session.compare(trial.widths)
        numbers.append(trial.number)
        off_by.append(comparison.ratio_interval[1] / trial.outcome.latency_ratio)
        if comparison.ratio_interval[1] <= limit:
            chosen.append(trial)
        if len(chosen) == count or len(numbers) == MOST_MEASURED:
            break
    return chosen, numbers


def promising(trials: Sequence[SearchTrial]) -> list[SearchTrial]:
    """All trials, the best by each promise in turns: first those of the largest capacity."""

    def ranked(worth: float) -> list[SearchTrial]:
        return sorted(trials, key=lambda one: -promise(one.reward, one.outcome.macs, worth))

    orders = [ranked(worth) for worth in reversed(WORTHS)]
    in_turns = [trial for place in zip(*orders, strict=True) for trial in place]
    return list({trial.number: trial for trial in in_turns}.values())


def _alike(one: Widths, other: Widths, full: Widths) -> bool:
    """Whether two plans are so near to each other that training both would say nothing more."""
    return all(
        abs(one[group] - other[group]) <= _ALIKE * channels
        and (one[group] == 0) == (other[group] == 0)
        for group, channels in full.items()
    )


def _best_random(
    session: Session, goal: Goal, compared: SearchResult
) -> tuple[Contender, list[int]]:
    trials = _within(compared, goal.limit)
    sure, numbers = _surely_within(session, trials, goal.limit, 1)
    best = sure[0] if sure else trials[0]
    widths = best.widths
    words = f"{BASELINES['random']} trial {best.number}"
    if not sure:
        settled = settle(session, [best.widths], goal.limit)
        words, widths = _words(words, best, settled), settled.widths
    return Contender(f"random-{best.number}", words, widths, ("random",)), numbers


def _filled(
    session: Session,
    goal: Goal,
    uniform: Settled,
    searches: Sequence[SearchResult],
    kernels: NetModel | None,
) -> Settled:
    """The uniform plan, filled by an estimator that knows all that was measured.

    It keeps to equal ratios: a plan that is filled by sensitivity curves is no simple baseline.
    """
    estimator = goal.probed.estimator(session, kernels)
    problem = replace(search_problem(session, goal.probed, estimator), curves=None)
    for found in searches:
        for trial in found.trials:
            problem.observe(trial.widths, trial.outcome)
    return settle_filled(session, problem, estimator, uniform, goal.limit)


def _within(found: SearchResult, limit: float) -> list[SearchTrial]:
    """The trials within the budget, best first; the nearest miss if there is none."""
    within = [trial for trial in found.trials if trial.outcome.latency_ratio <= limit]
    return sorted(within, key=lambda trial: -trial.reward) or [found.best]


def _words(text: str, trial: SearchTrial, settled: Settled) -> str:
    return text if settled.widths == trial.widths else f"{text}, narrowed"

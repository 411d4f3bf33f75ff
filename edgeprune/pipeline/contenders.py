"""Who races for being the result: the best of the search, and the baselines' own plans."""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

from edgeprune.latency import NetModel
from edgeprune.pipeline.goals import Goal
from edgeprune.pipeline.searching import search_problem
from edgeprune.pipeline.session import Session
from edgeprune.pipeline.settling import (
    Settled,
    Settler,
    settle_uniform,
    smallest_widths,
)
from edgeprune.search import SearchResult, SearchTrial, Widths
from edgeprune.search.promise import WORTHS, promise

#: How many trials of the user's own search race.
FINALISTS = 4
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
        trial: number of the trial that it comes from, where it comes from one.
    """

    name: str
    found_by: str
    widths: Widths
    roles: tuple[str, ...] = ()
    importance: str | None = None
    trial: int | None = None

    def equals(self, other: "Contender") -> bool:
        """Whether it is the same network."""
        return self.widths == other.widths and self.importance == other.importance


@dataclass(frozen=True)
class Field:
    """All contenders of one budget.

    Attributes:
        contenders: no two are the same network.
    """

    contenders: tuple[Contender, ...]

    @classmethod
    def of(cls, contenders: Sequence[Contender]) -> Self:
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
        return cls(tuple(distinct))

    @classmethod
    def from_json(cls, record: dict[str, Any]) -> Self:
        """Read back what `to_json` gave."""
        found = [Contender(**{**one, "roles": tuple(one["roles"])}) for one in record["contenders"]]
        return cls(tuple(found))

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return dataclasses.asdict(self)

    def finalists(self, role: str) -> list[int]:
        """Numbers of the trials among which a role's plan was chosen: ``result`` or a baseline."""
        own = [
            one
            for one in self.contenders
            if (one.name.startswith("search-") if role == "result" else role in one.roles)
        ]
        return [one.trial for one in own if one.trial is not None]


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
        settler = settler_of(session, goal, (found, compared), kernels)
        uninformed = replace(settler, problem=replace(settler.problem, curves=None))
        uniform = settle_uniform(session, goal.limit)
        filled = uninformed.settle(uniform.widths, uniform.comparison)
        everyone = [
            *finalists(session, settler, found),
            Contender("filled", BASELINES["filled"], filled.widths, ("filled",), "l1"),
            Contender("uniform", BASELINES["uniform"], uniform.widths, ("uniform",), "l1"),
            _best_random(uninformed, compared),
        ]
        record = session.directory.finish(stage, Field.of(everyone).to_json())
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
        record = session.directory.finish(stage, Field.of(everyone).to_json())
    return Field.from_json(record)


def settler_of(
    session: Session,
    goal: Goal,
    searches: Sequence[SearchResult],
    kernels: NetModel | None,
) -> Settler:
    """What brings plans to a budget, by an estimator that knows all that was measured."""
    estimator = goal.probed.estimator(session, kernels)
    for found in searches:
        for trial in found.trials:
            estimator.observe(trial.widths, trial.outcome.latency_ratio)
    problem = search_problem(session, goal.probed, estimator)
    compare, observe = session.compare, estimator.observe
    return Settler(problem, compare, observe, goal.limit, session.reporter.log)


def finalists(session: Session, settler: Settler, found: SearchResult) -> list[Contender]:
    """The trials that promise most, by one promise and another, each brought to the budget.

    None is a near copy of another; none at all where nothing of theirs meets the budget.
    """
    sampler = session.config.search.sampler
    whose = " (own search)" if sampler == "random" else ""
    chosen: list[SearchTrial] = []
    for trial in promising(_within(found, settler.limit)):
        if not any(_alike(trial.widths, one.widths, session.space.full) for one in chosen):
            chosen.append(trial)
    contenders = []
    for trial in chosen[:FINALISTS]:
        settled = settler.settle(trial.widths)
        if settled.met:
            words = _words(f"{sampler} trial {trial.number}{whose}", trial, settled)
            found_it = Contender(
                f"search-{trial.number}", words, settled.widths, trial=trial.number
            )
            contenders.append(found_it)
    return contenders


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


def _best_random(settler: Settler, compared: SearchResult) -> Contender:
    best = _within(compared, settler.limit)[0]
    settled = settler.settle(best.widths)
    words = _words(f"{BASELINES['random']} trial {best.number}", best, settled)
    return Contender(f"random-{best.number}", words, settled.widths, ("random",), trial=best.number)


def _within(found: SearchResult, limit: float) -> list[SearchTrial]:
    """The trials within the budget, best first; the nearest miss if there is none."""
    within = [trial for trial in found.trials if trial.outcome.latency_ratio <= limit]
    return sorted(within, key=lambda trial: -trial.reward) or [found.best]


def _words(text: str, trial: SearchTrial, settled: Settled) -> str:
    if settled.widths == trial.widths:
        return text
    narrowed = any(settled.widths[group] < width for group, width in trial.widths.items())
    return f"{text}, {'narrowed' if narrowed else 'widened'}"

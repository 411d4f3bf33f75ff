"""Who races for being the result: the best of the search, and the baselines' own plans."""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Self

from edgeprune.latency import NetModel
from edgeprune.pipeline.goals import Goal
from edgeprune.pipeline.searching import search_problem
from edgeprune.pipeline.session import Session
from edgeprune.pipeline.settling import (
    REMEASURED,
    Settled,
    settle,
    settle_filled,
    settle_uniform,
    smallest_widths,
)
from edgeprune.search import SearchResult, SearchTrial, Widths

#: How many trials of the user's own search race.
FINALISTS = 4
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
        own, numbers = _finalists(session, goal, found)
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


def _finalists(
    session: Session, goal: Goal, found: SearchResult
) -> tuple[list[Contender], list[int]]:
    """The best distinct trials that surely meet the budget, best first.

    Fewer where there are fewer; none where not even narrowed ones do.
    """
    chosen: list[Contender] = []
    numbers = []
    sampler = session.config.search.sampler
    whose = " (own search)" if sampler == "random" else ""
    for trial in _within(found, goal.limit)[: 2 * FINALISTS]:
        settled = settle(session, [trial.widths], goal.limit)
        numbers.append(trial.number)
        if not settled.met or any(settled.widths == one.widths for one in chosen):
            continue
        name = f"search-{trial.number}"
        words = _words(f"{sampler} trial {trial.number}{whose}", trial, settled)
        chosen.append(Contender(name, words, settled.widths))
        if len(chosen) == FINALISTS:
            break
    return chosen, numbers


def _best_random(
    session: Session, goal: Goal, compared: SearchResult
) -> tuple[Contender, list[int]]:
    trials = _within(compared, goal.limit)[:REMEASURED]
    settled = settle(session, [trial.widths for trial in trials], goal.limit)
    best = next((one for one in trials if one.widths == settled.widths), trials[0])
    words = _words(f"{BASELINES['random']} trial {best.number}", best, settled)
    name = f"random-{best.number}"
    found = Contender(name, words, settled.widths, ("random",))
    return found, [trial.number for trial in trials]


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

"""The search loop: ask a sampler, evaluate, tell it, keep everything on disk."""

import logging
import math
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from optuna.samplers import BaseSampler

from edgeprune.errors import MeasurementError, RunError, SearchError
from edgeprune.search.evaluations import Evaluations
from edgeprune.search.journal import Entry, Journal, SearchTrial, SetAside, finished
from edgeprune.search.loop import Loop
from edgeprune.search.outcome import Outcome
from edgeprune.search.problem import SearchProblem, Widths
from edgeprune.search.proposals import Note, Proposal, Proposals
from edgeprune.search.rewards import Reward
from edgeprune.search.snapshot import Snapshot

#: Trials from one snapshot to the next: replaying a few costs less than writing every time.
SNAPSHOT_EVERY = 5
#: Trials set aside one after another that end a search.
SET_ASIDE_IN_A_ROW = 5

Told = TypeVar("Told", SearchTrial, SetAside)

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class SearchResult:
    """All trials of a search.

    Attributes:
        trials: in the order of evaluation.
        budget: largest allowed cost, as a ratio to the base model.
        set_aside: candidates without an outcome, which are not among the trials.
    """

    trials: tuple[SearchTrial, ...]
    budget: float
    set_aside: tuple[SetAside, ...] = ()

    @property
    def best(self) -> SearchTrial:
        """The highest reward measured within the budget; the nearest miss where nothing is."""
        within = [trial for trial in self.trials if trial.outcome.cost <= self.budget]
        if within:
            return max(within, key=lambda trial: trial.reward)
        return min(self.trials, key=lambda trial: trial.outcome.cost)


def _nothing(widths: Widths) -> Mapping[str, Any]:
    return {}


def run_search(
    problem: SearchProblem,
    sampler: BaseSampler,
    evaluate: Callable[[Widths], Outcome],
    reward: Reward,
    *,
    trials: int,
    directory: Path,
    on_trial: Callable[[SearchTrial], None] | None = None,
    on_set_aside: Callable[[SetAside], None] | None = None,
    set_aside_in_a_row: int = SET_ASIDE_IN_A_ROW,
    enqueue: Sequence[Widths] = (),
    outstanding: int = 1,
    note: Note = _nothing,
    alone: Callable[[], AbstractContextManager[object]] = nullcontext,
) -> SearchResult:
    """Run a search to its end, from wherever its journal stands.

    A candidate whose evaluation raises `MeasurementError` is set aside: the sampler is told of a
    failed trial, it counts for nothing, and the search goes on to the next.

    A resumed search loads the sampler's newest snapshot and replays the trials after it: they are
    asked and told again with their recorded outcomes. Proposing is deterministic, so what follows
    equals an uninterrupted search (docs/decisions/003). With several proposals `outstanding` that
    holds for the order in which they were answered, which the journal keeps; what was under
    evaluation is evaluated anew (docs/decisions/019).

    Args:
        problem: what is searched.
        sampler: a fresh one.
        evaluate: widths to outcome; called from several threads at once where `outstanding` is
            above 1.
        reward: outcome to what is maximised.
        trials: in all, those in the journal included; fewer are run where nothing is left to
            evaluate.
        directory: holds journal and snapshot.
        on_trial: called after every trial, those of an interrupted search included.
        on_set_aside: called after every candidate that is set aside now.
        set_aside_in_a_row: so many of those one after another end the search; it can be resumed.
        enqueue: widths to evaluate first; equal ones count once. The same on every resume.
        outstanding: proposals that are asked for before the first of them is answered.
        note: gives of a new proposal what goes into its outcome's details.
        alone: what proposing and learning are done within, so that nothing that must not be
            disturbed goes on beside them.

    Returns:
        All trials.

    Raises:
        SearchError: `trials`, `outstanding` or an enqueued candidate is not allowed, or the reward
            is no number.
        RunError: the journal is of another problem or damaged.
        MeasurementError: too many candidates in a row were set aside, or all there were.
    """
    _check_counts(trials, outstanding)
    queue = _distinct(problem, enqueue)
    journal = Journal(directory)
    entries = _until(journal.entries(), trials)
    for entry in entries:
        _check_own(problem, entry, directory)
    if len(finished(entries)) == trials:
        for trial in finished(entries):
            _call(on_trial, trial)
        return _result(problem, entries)

    loop = Loop(problem, sampler, reward)
    proposals = Proposals(loop, queue, outstanding, note)
    evaluations = Evaluations(evaluate, threads=outstanding > 1)
    snapshot = Snapshot(directory, sampler)
    taken, known = snapshot.load(len(entries)), len(entries)
    proposals.take_up(entries[: taken.trials], taken.open)
    for trial in finished(entries[: taken.trials]):
        _call(on_trial, trial)
    place, left = taken.trials, trials - len(finished(entries[: taken.trials]))
    while left:
        with alone():
            proposals.fill(left)
        if place < known:
            with alone():
                loop.replay(proposals.recorded(place, entries[place]).asked, entries[place])
        elif proposals:
            proposals.begin(evaluations)
            number, outcome = evaluations.ended()
            with alone():
                proposal = proposals.answered(number)
                entry = _entry(proposal, place, outcome, reward, trials - left)
                # The journal is the truth: what is in it is never evaluated again.
                journal.append(entry, loop.space)
                entries.append(entry)
                loop.tell(proposal.asked, entry)
                if (place + 1) % SNAPSHOT_EVERY == 0:
                    snapshot.save(place + 1, proposals.widths)
        else:
            _log.info("the search ends %d trials early: %s", left, proposals.exhausted)
            break
        done = entries[place]
        if isinstance(done, SearchTrial):
            _call(on_trial, done)
            left -= 1
        elif place >= known:
            _call(on_set_aside, done)
            _refuse_row(entries[known:], set_aside_in_a_row)
        place += 1
    return _result(problem, entries)


def _check_counts(trials: int, outstanding: int) -> None:
    if trials < 1:
        msg = f"a search needs at least one trial, got {trials}"
        raise SearchError(msg)
    if outstanding < 1:
        msg = f"a search needs at least one outstanding proposal, got {outstanding}"
        raise SearchError(msg)


def _entry(
    proposal: Proposal,
    place: int,
    outcome: Outcome | BaseException,
    reward: Reward,
    number: int,
) -> Entry:
    """What has become of a proposal; what is no failed measurement ends the search."""
    order = None if proposal.number == place else proposal.number
    seconds = {"propose": proposal.seconds}
    if isinstance(outcome, MeasurementError):
        return SetAside(proposal.widths, str(outcome), seconds, order)
    if isinstance(outcome, BaseException):
        raise outcome
    if proposal.notes:
        outcome = replace(outcome, details={**outcome.details, **proposal.notes})
    value = float(reward(outcome))
    if not math.isfinite(value):
        msg = f"the reward of trial {number} is {value}, which is no finite number"
        raise SearchError(msg)
    seconds |= outcome.details.get("seconds", {})
    return SearchTrial(number, proposal.widths, outcome, value, seconds, order)


def _until(entries: list[Entry], trials: int) -> list[Entry]:
    """The entries up to the last trial that is wanted."""
    counted = 0
    for place, entry in enumerate(entries):
        counted += isinstance(entry, SearchTrial)
        if counted == trials:
            return entries[: place + 1]
    return entries


def _refuse_row(entries: Sequence[Entry], most: int) -> None:
    """Refuse to go on with a device that lets one measurement fail after the other."""
    last = [one for one in entries[-most:] if isinstance(one, SetAside)]
    if len(last) == most:
        msg = (
            f"{most} candidates in a row were set aside, because their measurements failed; of the "
            f"last one: {last[-1].reason}"
        )
        raise MeasurementError(msg)


def _result(problem: SearchProblem, entries: Sequence[Entry]) -> SearchResult:
    aside = tuple(one for one in entries if isinstance(one, SetAside))
    if len(aside) == len(entries):
        msg = f"no candidate could be measured; of the last one: {aside[-1].reason}"
        raise MeasurementError(msg)
    return SearchResult(tuple(finished(entries)), problem.target, aside)


def _distinct(problem: SearchProblem, enqueue: Sequence[Widths]) -> list[Widths]:
    checked = {problem.key(widths): widths for widths in map(problem.check, enqueue)}
    return list(checked.values())


def _check_own(problem: SearchProblem, entry: Entry, directory: Path) -> None:
    try:
        problem.check(entry.widths)
    except SearchError as error:
        msg = f"{directory} holds trials of another search: {error}"
        raise RunError(msg) from error


def _call(listener: Callable[[Told], None] | None, told: Told) -> None:
    if listener is not None:
        listener(told)

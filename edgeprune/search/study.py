"""The search loop: ask a sampler, evaluate, tell it, keep everything on disk."""

import logging
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from optuna.samplers import BaseSampler
from optuna.trial import Trial

from edgeprune.errors import MeasurementError, RunError, SearchError
from edgeprune.search.journal import Entry, Journal, SearchTrial, SetAside, finished
from edgeprune.search.loop import Loop
from edgeprune.search.neighbours import SpaceExhausted
from edgeprune.search.outcome import Outcome
from edgeprune.search.problem import SearchProblem, Widths
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
) -> SearchResult:
    """Run a search to its end, from wherever its journal stands.

    A candidate whose evaluation raises `MeasurementError` is set aside: the sampler is told of a
    failed trial, it counts for nothing, and the search goes on to the next.

    A resumed search loads the sampler's newest snapshot and replays the trials after it: they are
    asked and told again with their recorded outcomes. Proposing is deterministic, so what follows
    equals an uninterrupted search (docs/decisions/003).

    Args:
        problem: what is searched.
        sampler: a fresh one.
        evaluate: widths to outcome.
        reward: outcome to what is maximised.
        trials: in all, those in the journal included; fewer are run where nothing is left to
            evaluate.
        directory: holds journal and snapshot.
        on_trial: called after every trial, those of an interrupted search included.
        on_set_aside: called after every candidate that is set aside now.
        set_aside_in_a_row: so many of those one after another end the search; it can be resumed.
        enqueue: widths to evaluate first; equal ones count once. The same on every resume.

    Returns:
        All trials.

    Raises:
        SearchError: `trials` or an enqueued candidate is not allowed, or the reward is no number.
        RunError: the journal is of another problem or damaged.
        MeasurementError: too many candidates in a row were set aside, or all there were.
    """
    if trials < 1:
        msg = f"a search needs at least one trial, got {trials}"
        raise SearchError(msg)
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
    snapshot = Snapshot(directory, sampler)
    place, known = snapshot.load(len(entries)), len(entries)
    _take_up(loop, entries[:place], on_trial)
    left = trials - len(finished(entries[:place]))
    while left:
        fixed = queue[place] if place < len(queue) else None
        try:
            asked = loop.ask(fixed)
        except SpaceExhausted as reason:
            _log.info("the search ends %d trials early: %s", left, reason)
            break
        if place < known:
            loop.replay(asked, entries[place])
        else:
            entry = _evaluate(loop, asked, evaluate, reward, trials - left)
            # The journal is the truth: what is in it is never evaluated again.
            journal.append(entry, loop.space)
            entries.append(entry)
            loop.tell(asked, entry)
            if (place + 1) % SNAPSHOT_EVERY == 0:
                snapshot.save(place + 1)
        done = entries[place]
        if isinstance(done, SearchTrial):
            _call(on_trial, done)
            left -= 1
        elif place >= known:
            _call(on_set_aside, done)
            _refuse_row(entries[known:], set_aside_in_a_row)
        place += 1
    return _result(problem, entries)


def _take_up(
    loop: Loop, entries: Sequence[Entry], on_trial: Callable[[SearchTrial], None] | None
) -> None:
    """Go on where the sampler's snapshot stands."""
    for entry in entries:
        loop.skip(entry)
    for trial in finished(entries):
        _call(on_trial, trial)


def _evaluate(
    loop: Loop,
    asked: Trial,
    evaluate: Callable[[Widths], Outcome],
    reward: Reward,
    number: int,
) -> Entry:
    # A user's sampler may know nothing of gaps between choices, or of branches.
    widths = loop.problem.check({group: asked.params[group] for group in loop.problem.groups})
    proposing = loop.proposing
    try:
        outcome = evaluate(dict(widths))
    except MeasurementError as error:
        return SetAside(widths, str(error), {"propose": proposing})
    value = float(reward(outcome))
    if not math.isfinite(value):
        msg = f"the reward of trial {number} is {value}, which is no finite number"
        raise SearchError(msg)
    seconds = {"propose": proposing, **outcome.details.get("seconds", {})}
    return SearchTrial(number, widths, outcome, value, seconds)


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

"""The search loop: ask a sampler, evaluate, tell it, keep everything on disk."""

import logging
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import optuna
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler
from optuna.trial import Trial, TrialState, create_trial

from edgeprune.errors import RunError, SearchError
from edgeprune.search.distributions import distributions
from edgeprune.search.journal import Journal, SearchTrial, quiet
from edgeprune.search.neighbours import SpaceExhausted
from edgeprune.search.outcome import Outcome
from edgeprune.search.problem import SearchProblem, Widths
from edgeprune.search.reward_noise import LATENCY_RATIO, REWARD_NOISE, reward_noise
from edgeprune.search.rewards import Reward
from edgeprune.search.snapshot import Snapshot

#: Trials from one snapshot to the next: replaying a few costs less than writing every time.
SNAPSHOT_EVERY = 5

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class SearchResult:
    """All trials of a search.

    Attributes:
        trials: in the order of evaluation.
        budget: largest allowed cost, as a ratio to the base model.
    """

    trials: tuple[SearchTrial, ...]
    budget: float

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
    enqueue: Sequence[Widths] = (),
) -> SearchResult:
    """Run a search to its end, from wherever its journal stands.

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
        enqueue: widths to evaluate first; equal ones count once. The same on every resume.

    Returns:
        All trials.

    Raises:
        SearchError: `trials` or an enqueued candidate is not allowed, or the reward is no number.
        RunError: the journal is of another problem or damaged.
    """
    if trials < 1:
        msg = f"a search needs at least one trial, got {trials}"
        raise SearchError(msg)
    queue = _distinct(problem, enqueue)
    journal = Journal(directory)
    found = journal.trials()[:trials]
    for trial in found:
        _check_own(problem, trial, directory)
    if len(found) == trials:
        for trial in found:
            _call(on_trial, trial)
        return SearchResult(tuple(found), problem.target)

    loop = _Loop(problem, sampler, reward)
    snapshot = Snapshot(directory, sampler)
    covered = snapshot.load(len(found))
    for trial in found[:covered]:
        loop.skip(trial)
        _call(on_trial, trial)
    for number in range(covered, trials):
        fixed = queue[number] if number < len(queue) else None
        try:
            asked = loop.ask(fixed)
        except SpaceExhausted as reason:
            _log.info("the search ends after %d of %d trials: %s", number, trials, reason)
            break
        if number < len(found):
            loop.replay(asked, found[number])
        else:
            trial = _evaluate(loop, asked, evaluate, reward, number)
            # The journal is the truth: what is in it is never evaluated again.
            journal.append(trial, loop.space)
            found.append(trial)
            loop.tell(asked, trial)
            if (number + 1) % SNAPSHOT_EVERY == 0:
                snapshot.save(number + 1)
        _call(on_trial, found[number])
    return SearchResult(tuple(found), problem.target)


class _Loop:
    """The study in memory: a sampler's view of the search."""

    def __init__(self, problem: SearchProblem, sampler: BaseSampler, reward: Reward) -> None:
        self.problem = problem
        self._reward = reward
        self.space: dict[str, BaseDistribution] = distributions(problem)
        with quiet():
            self._study = optuna.create_study(sampler=sampler, direction="maximize")
        self._learning = 0.0
        #: Seconds of the last proposal, with learning from the trial before it.
        self.proposing = 0.0

    def ask(self, fixed: Widths | None) -> Trial:
        """The next trial: `fixed` widths or the sampler's."""
        start = time.perf_counter()
        if fixed is not None:
            self._study.enqueue_trial(dict(fixed))
        asked = self._study.ask(self.space)
        self.proposing = self._learning + time.perf_counter() - start
        return asked

    def tell(self, asked: Trial, trial: SearchTrial) -> None:
        """Let sampler and cost learn."""
        start = time.perf_counter()
        for name, value in self._attributes(trial).items():
            asked.set_user_attr(name, value)
        self._study.tell(asked, trial.reward)
        self.problem.observe(trial.widths, trial.outcome)
        self._learning = time.perf_counter() - start

    def replay(self, asked: Trial, trial: SearchTrial) -> None:
        """Tell a recorded trial again; the record wins over what is proposed now."""
        if asked.params != trial.widths:
            _log.warning(
                "trial %d is proposed differently than it was recorded (another machine or other "
                "library versions?): going on from the record",
                trial.number,
            )
            self._study.tell(asked, state=TrialState.FAIL)
            asked = self.ask(trial.widths)
        self.tell(asked, trial)

    def skip(self, trial: SearchTrial) -> None:
        """Take up a trial that the sampler's snapshot already knows."""
        known = create_trial(
            value=trial.reward,
            params=dict(trial.widths),
            distributions=self.space,
            user_attrs=self._attributes(trial),
        )
        self._study.add_trial(known)
        self.problem.observe(trial.widths, trial.outcome)

    def _attributes(self, trial: SearchTrial) -> dict[str, float | None]:
        """What a sampler is told beside the reward."""
        noise = reward_noise(self._reward, trial.outcome)
        return {LATENCY_RATIO: trial.outcome.latency_ratio, REWARD_NOISE: noise}


def _evaluate(
    loop: _Loop,
    asked: Trial,
    evaluate: Callable[[Widths], Outcome],
    reward: Reward,
    number: int,
) -> SearchTrial:
    # A user's sampler may know nothing of gaps between choices, or of branches.
    widths = loop.problem.check({group: asked.params[group] for group in loop.problem.groups})
    outcome = evaluate(dict(widths))
    value = float(reward(outcome))
    if not math.isfinite(value):
        msg = f"the reward of trial {number} is {value}, which is no finite number"
        raise SearchError(msg)
    seconds = {"propose": loop.proposing, **outcome.details.get("seconds", {})}
    return SearchTrial(number, widths, outcome, value, seconds)


def _distinct(problem: SearchProblem, enqueue: Sequence[Widths]) -> list[Widths]:
    checked = {problem.key(widths): widths for widths in map(problem.check, enqueue)}
    return list(checked.values())


def _check_own(problem: SearchProblem, trial: SearchTrial, directory: Path) -> None:
    try:
        problem.check(trial.widths)
    except SearchError as error:
        msg = f"{directory} holds trials of another search: {error}"
        raise RunError(msg) from error


def _call(on_trial: Callable[[SearchTrial], None] | None, trial: SearchTrial) -> None:
    if on_trial is not None:
        on_trial(trial)

"""The search loop: ask a sampler, evaluate, tell it, keep everything on disk."""

import io
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import optuna
import torch
from optuna.samplers import BaseSampler

from edgeprune.errors import SearchError
from edgeprune.files import write_atomic
from edgeprune.search.distributions import distributions
from edgeprune.search.journal import Journal, SearchTrial, frozen
from edgeprune.search.neighbours import SpaceExhausted
from edgeprune.search.outcome import Outcome
from edgeprune.search.problem import SearchProblem, Widths


@dataclass(frozen=True)
class SearchResult:
    """All trials of a search.

    Attributes:
        trials: in the order of evaluation.
        budget: largest allowed latency ratio.
    """

    trials: tuple[SearchTrial, ...]
    budget: float

    @property
    def best(self) -> SearchTrial:
        """The highest reward within the budget; the nearest miss where nothing is."""
        within = [trial for trial in self.trials if trial.outcome.latency_ratio <= self.budget]
        if within:
            return max(within, key=lambda trial: trial.reward)
        return min(self.trials, key=lambda trial: trial.outcome.latency_ratio)


def run_search(
    problem: SearchProblem,
    sampler: BaseSampler,
    evaluate: Callable[[Widths], Outcome],
    reward: Callable[[Outcome], float],
    *,
    trials: int,
    directory: Path,
    on_trial: Callable[[SearchTrial], None] | None = None,
    enqueue: Sequence[Widths] = (),
) -> SearchResult:
    """Run a search to its end, from wherever its journal stands.

    A resumed search first replays: the sampler's newest snapshot is loaded, and the trials after
    it are asked and told again with their recorded outcomes. Proposing is deterministic, so what
    follows equals an uninterrupted search.

    Args:
        problem: what is searched.
        sampler: a fresh one.
        evaluate: widths to outcome.
        reward: outcome to what is maximised.
        trials: in all, those in the journal included.
        directory: holds journal and snapshot.
        on_trial: called after every trial, replayed ones included.
        enqueue: widths to evaluate first.
    """
    journal = Journal(directory)
    done = journal.trials()[:trials]
    snapshot = _Snapshot(directory / "sampler.pt", sampler)
    covered = snapshot.load(len(done))
    space = distributions(problem)
    study = optuna.create_study(sampler=sampler, direction="maximize")
    for trial in done[:covered]:
        study.add_trial(frozen(trial, space))
        problem.observe(trial.widths, trial.outcome)
        _call(on_trial, trial)
    for widths in enqueue[covered:]:
        study.enqueue_trial(dict(widths))
    found = list(done)
    for number in range(covered, trials):
        start = time.perf_counter()
        try:
            asked = study.ask(space)
        except SpaceExhausted:
            break
        proposed = time.perf_counter() - start
        if number < len(done):
            trial = done[number]
            _check_replay(asked.params, trial)
        else:
            widths = {group: int(asked.params[group]) for group in problem.groups}
            outcome = evaluate(widths)
            seconds = {"propose": proposed, **outcome.details.get("seconds", {})}
            trial = SearchTrial(number, widths, outcome, reward(outcome), seconds)
            journal.append(trial, space)
            found.append(trial)
        study.tell(asked, trial.reward)
        problem.observe(trial.widths, trial.outcome)
        if number >= len(done):
            snapshot.save(number + 1)
        _call(on_trial, trial)
    return SearchResult(tuple(found), problem.target)


def _call(on_trial: Callable[[SearchTrial], None] | None, trial: SearchTrial) -> None:
    if on_trial is not None:
        on_trial(trial)


def _check_replay(params: dict[str, Any], trial: SearchTrial) -> None:
    if params != trial.widths:
        msg = (
            f"trial {trial.number} cannot be replayed: other widths are proposed than the journal "
            "has (another version of edgeprune, torch or optuna?); start a new run"
        )
        raise SearchError(msg)


class _Snapshot:
    """A sampler's state on disk, with the number of trials it has learnt from."""

    def __init__(self, path: Path, sampler: BaseSampler) -> None:
        self._path = path
        self._sampler: Any = sampler if hasattr(sampler, "state_dict") else None

    def load(self, finished: int) -> int:
        """Load the state and return how many trials it covers; 0 where there is none."""
        if self._sampler is None or not self._path.exists():
            return 0
        saved = torch.load(self._path, weights_only=True)
        if saved["trials"] > finished:
            return 0
        self._sampler.load_state_dict(saved["state"])
        return int(saved["trials"])

    def save(self, trials: int) -> None:
        """Write the state after `trials` trials, atomically."""
        if self._sampler is None:
            return
        buffer = io.BytesIO()
        torch.save({"trials": trials, "state": self._sampler.state_dict()}, buffer)
        write_atomic(self._path, buffer.getvalue())

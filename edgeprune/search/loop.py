"""The study in memory: what a sampler sees of a search."""

import logging
import time
from collections.abc import Iterable

import optuna
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler
from optuna.trial import Trial, TrialState, create_trial

from edgeprune.search.distributions import distributions
from edgeprune.search.journal import (
    SET_ASIDE,
    Entry,
    SearchTrial,
    SetAside,
    finished,
    frozen,
    quiet,
)
from edgeprune.search.problem import SearchProblem, Widths
from edgeprune.search.reward_noise import LATENCY_RATIO, REWARD_NOISE, reward_noise
from edgeprune.search.rewards import Reward

_log = logging.getLogger(__name__)


class Loop:
    """A sampler's view of a search.

    Args:
        problem: what is searched.
        sampler: what proposes.
        reward: outcome to what is maximised.

    Attributes:
        space: Optuna's distribution of each group.
        proposing: seconds of the last proposal, with learning from trials since the one before it.
    """

    def __init__(self, problem: SearchProblem, sampler: BaseSampler, reward: Reward) -> None:
        self.problem = problem
        self._reward = reward
        self.space: dict[str, BaseDistribution] = distributions(problem)
        with quiet():
            self._study = optuna.create_study(sampler=sampler, direction="maximize")
        self._learning = 0.0
        self.proposing = 0.0

    def ask(self, fixed: Widths | None) -> Trial:
        """The next trial: `fixed` widths or the sampler's."""
        start = time.perf_counter()
        if fixed is not None:
            self._study.enqueue_trial(dict(fixed))
        asked = self._study.ask(self.space)
        self.proposing = self._learning + time.perf_counter() - start
        self._learning = 0.0
        return asked

    def tell(self, asked: Trial, entry: Entry) -> None:
        """Let sampler and cost learn; of what was set aside, that it failed."""
        start = time.perf_counter()
        if isinstance(entry, SetAside):
            asked.set_user_attr(SET_ASIDE, entry.reason)
            self._study.tell(asked, state=TrialState.FAIL)
        else:
            for name, value in self._attributes(entry).items():
                asked.set_user_attr(name, value)
            self._study.tell(asked, entry.reward)
            self.problem.observe(entry.widths, entry.outcome)
        self._learning += time.perf_counter() - start

    def replay(self, asked: Trial, entry: Entry) -> None:
        """Tell a recorded trial again; the record wins over what is proposed now."""
        if asked.params != entry.widths:
            _log.warning(
                "trial %d is proposed differently than it was recorded (another machine or other "
                "library versions?): going on from the record",
                asked.number,
            )
            self._study.tell(asked, state=TrialState.FAIL)
            asked = self.ask(entry.widths)
        self.tell(asked, entry)

    def skip(self, entry: Entry) -> None:
        """Take up a trial that the sampler's snapshot already knows; the cost is told apart."""
        if isinstance(entry, SetAside):
            self._study.add_trial(frozen(entry, self.space))
            return
        # Without its samples, as a trial of this process: they would be in memory once more.
        known = create_trial(
            value=entry.reward,
            params=dict(entry.widths),
            distributions=self.space,
            user_attrs=self._attributes(entry),
        )
        self._study.add_trial(known)

    def observe(self, entries: Iterable[Entry]) -> None:
        """Let the cost learn from trials that were skipped, in the order they were told in."""
        for trial in finished(entries):
            self.problem.observe(trial.widths, trial.outcome)

    def _attributes(self, trial: SearchTrial) -> dict[str, float | None]:
        """What a sampler is told beside the reward."""
        noise = reward_noise(self._reward, trial.outcome)
        return {LATENCY_RATIO: trial.outcome.latency_ratio, REWARD_NOISE: noise}

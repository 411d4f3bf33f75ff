"""BOCR: Bayesian optimisation of clusters of groups that are untied on the way."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState

from edgeprune.errors import SearchError
from edgeprune.search.distributions import to_widths
from edgeprune.search.fitting import fit_to_budget, keep_ratios
from edgeprune.search.problem import SearchProblem, Widths
from edgeprune.search.samplers.base import WidthSampler, seen_keys
from edgeprune.search.samplers.bocr_budget import BudgetPlane, spread
from edgeprune.search.samplers.bocr_clusters import Clustering, Floats, Scores
from edgeprune.search.samplers.bocr_options import BocrOptions
from edgeprune.search.samplers.bocr_rollback import (
    History,
    Stage,
    elites,
    planned,
    rolled_back,
)

try:
    from edgeprune.search.samplers.bocr_surrogate import Surrogate, sobol
except ImportError as error:  # BoTorch is an extra.
    _MISSING: ImportError | None = error
else:
    _MISSING = None


class BocrSampler(WidthSampler):
    """Bayesian Optimization with Clustering and Rollback (ECCV 2022), re-implemented.

    Groups with similar importance densities share one keep ratio at first, which leaves a
    Gaussian process a few variables instead of dozens. Later a rollback unties them, at once or
    in two steps: all points evaluated so far are given to a new Gaussian process with more
    variables, whose bounds come from the best in-budget policies.

    What the released code gets wrong and this does not: the Gaussian process always learns the
    ratios that were applied, not the suggested ones; the bounds after a rollback come from real
    in-budget policies, never from the unused part of a cache; nothing is cut to pay for rounding.

    Other differences, for reasons: the budget is any cost, measured latency included, and is used
    up by scaling all groups together in place of AMC's clip; the expected improvement is
    climbed on the budget (`BudgetPlane`) and compared among points that were not evaluated
    before; shorter searches than 200 trials have shorter clocks (`BocrOptions.resolved`); bounds
    of each group are an option; a cluster's value is its groups' mean (`Stage.tie`).

    All that it learns from is in the study: points of other searches that are added to it
    (``Study.add_trial``) or enqueued count as its own. Trials that are running are taken to come
    out as predicted, so several can be asked for before the first is told.

    Args:
        problem: what is searched.
        seed: fixes all random choices.
        trials: how long the search will be.
        options: BOCR's numbers.
        scores: importance of each group's units, see `Clustering`.

    Attributes:
        options: with all defaults filled in.
        clustering: the dendrogram of the groups.
        stages: what has been searched so far; the first has the clusters, each other one began
            with a rollback after `Stage.since` evaluations.

    Raises:
        SearchError: BoTorch is missing, or a similarity asks for scores that are not there.
    """

    def __init__(
        self,
        problem: SearchProblem,
        seed: int,
        trials: int,
        options: BocrOptions | None = None,
        *,
        scores: Scores | None = None,
    ) -> None:
        if _MISSING is not None:
            msg = f"sampler 'bocr' needs BoTorch ({_MISSING}): pip install 'edgeprune[bocr]'"
            raise SearchError(msg)
        super().__init__(problem, seed)
        self.options = (options or BocrOptions()).resolved(trials, scored=scores is not None)
        self.clustering = Clustering(problem, scores, self.options)
        self._seed = seed
        self._rollbacks = planned(self.options, len(problem.groups))
        smallest = np.array(list(keep_ratios(problem, problem.smallest).values()))
        labels = self.clustering.labels(self.options.clusters)
        self.stages = [Stage(labels, smallest, np.ones_like(smallest))]

    def propose(self, study: Study, trial: FrozenTrial) -> Widths:
        """A Sobol point at first, then the largest expected improvement."""
        history = self._history(study, TrialState.COMPLETE)
        pending = self._history(study, TrialState.RUNNING, but=trial.number)
        self._roll_back(history)
        stage = self.stages[-1]
        initial = self.options.initial or 2
        if len(history) < 2 or len(history) + len(pending) < initial:
            point = sobol(stage.clusters, trial.number + 1, self._seed)[-1]
            return self._fit(spread(stage, point))
        surrogate = Surrogate(
            stage.tie(history.ratios), history.rewards, stage.tie(pending.ratios), self.options
        )
        plane = BudgetPlane(self.problem)
        seed = int(np.random.default_rng([self._seed, trial.number]).integers(2**31))
        points = surrogate.maxima(
            lambda unit: plane.place(stage, unit), stage.clusters, self.options, seed
        )
        found = [self._fit(spread(stage, point)) for point in points]
        seen = seen_keys(self.problem, study)
        fresh = [widths for widths in found if self.problem.key(widths) not in seen]
        if not fresh:
            return found[0]
        expected = surrogate.expected(stage.tie(np.array([self._ratios(one) for one in fresh])))
        return fresh[int(np.argmax(expected))]

    def state_dict(self) -> dict[str, Any]:
        """The stages; everything else is in the study."""
        return {**super().state_dict(), "stages": [stage.to_state() for stage in self.stages]}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on exactly where `state_dict` was called."""
        super().load_state_dict(state)
        self.stages = [Stage.from_state(stage) for stage in state["stages"]]

    def _roll_back(self, history: History) -> None:
        """Go to the next stage where it is time."""
        done = len(self.stages) - 1
        if done == len(self._rollbacks):
            return
        rollback = self._rollbacks[done]
        if not rollback.due(history.rewards, self.stages[-1].since):
            return
        costs = np.array([self.problem.cost(self._widths(row)) for row in history.ratios])
        best = elites(history, costs, self.problem.target, self.options)
        self.stages.append(
            rolled_back(rollback, self.stages[0], self.clustering, history, best, self.options)
        )

    def _history(self, study: Study, state: TrialState, but: int = -1) -> History:
        """Points of the study in this state, other than one trial's."""
        rows, rewards = [], []
        for trial in study.get_trials(deepcopy=False, states=(state,)):
            known = all(group in trial.params for group in self.problem.groups)
            if known and trial.number != but:
                rows.append(self._ratios(to_widths(self.problem, trial.params)))
                rewards.append(trial.value if state == TrialState.COMPLETE else 0.0)
        ratios = np.array(rows).reshape(len(rows), len(self.problem.groups))
        return History(ratios, np.array(rewards, dtype=np.float64))

    def _ratios(self, widths: Widths) -> Floats:
        return np.array(list(keep_ratios(self.problem, widths).values()))

    def _widths(self, ratios: Floats) -> Widths:
        full = self.problem.full
        pairs = zip(self.problem.groups, ratios, strict=True)
        return {g: self.problem.nearest_choice(g, ratio * full[g]) for g, ratio in pairs}

    def _fit(self, ratios: Floats) -> Widths:
        named = dict(zip(self.problem.groups, map(float, ratios), strict=True))
        return fit_to_budget(self.problem, named)


def make_bocr(problem: SearchProblem, seed: int, trials: int, **options: Any) -> BocrSampler:
    """The sampler as a pipeline file names it: ``edgeprune.search.samplers.bocr:make_bocr``.

    Args:
        problem: what is searched.
        seed: fixes all random choices.
        trials: how long the search will be.
        options: of `BocrOptions`.

    Raises:
        SearchError: an option is not allowed.
    """
    return BocrSampler(problem, seed, trials, BocrOptions.from_mapping(options))

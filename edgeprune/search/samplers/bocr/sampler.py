"""BOCR: Bayesian optimisation of clusters of groups that are untied on the way."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from optuna.study import Study
from optuna.trial import FrozenTrial

from edgeprune.errors import SearchError
from edgeprune.search.distributions import to_widths
from edgeprune.search.fitting import asked_ratios, fit_to_budget, keep_ratios
from edgeprune.search.problem import SearchProblem, Widths
from edgeprune.search.samplers.base import WidthSampler
from edgeprune.search.samplers.bocr.budget import BudgetPlane, spread
from edgeprune.search.samplers.bocr.clusters import Clustering, Floats
from edgeprune.search.samplers.bocr.history import (
    History,
    Point,
    evaluated,
    history_of,
    ratios_of,
    waiting,
)
from edgeprune.search.samplers.bocr.options import BocrOptions
from edgeprune.search.samplers.bocr.rollback import Stage, elites, planned, rolled_back
from edgeprune.search.samplers.seen import Seen, seen_keys

try:
    from edgeprune.search.samplers.bocr.surrogate import Surrogate, sobol
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
    climbed on the budget (`BudgetPlane`), from points around the best known ones too, and
    compared among points that were not evaluated before; shorter searches than 200 trials have
    shorter clocks (`BocrOptions.resolved`); other bounds are an option (`BocrOptions.bounds`); a
    cluster's value is its groups' mean (`Stage.tie`).

    Of a trial it takes the value and, from the user attributes, the measured ``latency_ratio``
    (which policies are in the budget) and ``reward_noise`` (how sure the value is); `run_search`
    writes both. Trials that are running are taken to come out as predicted, so several can be
    asked for before the first is told.

    Args:
        problem: what is searched.
        seed: fixes all random choices.
        trials: how long the search will be.
        options: BOCR's numbers.
        warm_start: points of earlier searches. The Gaussian process has them from the start, in
            place of Sobol points; the best of them within the budget is proposed first, since
            this search has not measured it. The clocks of the rollbacks do not count them.

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
        warm_start: Sequence[Point] = (),
    ) -> None:
        if _MISSING is not None:
            msg = f"sampler 'bocr' needs BoTorch ({_MISSING}): pip install 'edgeprune[bocr]'"
            raise SearchError(msg)
        super().__init__(problem, seed)
        self.options = (options or BocrOptions()).resolved(
            trials, scored=problem.scores is not None
        )
        self.clustering = Clustering(problem, problem.scores, self.options)
        self._seed = seed
        self._earlier = tuple(warm_start)
        self._rollbacks = planned(self.options, len(problem.groups))
        smallest = np.array(list(keep_ratios(problem, problem.smallest).values()))
        labels = self.clustering.labels(self.options.clusters)
        self.stages = [Stage(labels, smallest, np.ones_like(smallest))]

    def propose(self, study: Study, trial: FrozenTrial) -> Widths:
        """A Sobol point at first, then the largest expected improvement."""
        own, earlier = evaluated(self.problem, study), history_of(self.problem, self._earlier)
        known = own.after(earlier)
        self._roll_back(own, known)
        seen = seen_keys(self.problem, study)
        remembered = self._remembered(earlier)
        if remembered is not None and self.problem.key(remembered) not in seen:
            return remembered
        pending = waiting(self.problem, study, but=trial.number)
        stage = self.stages[-1]
        initial = self.options.initial or 2
        if len(known) < 2 or len(known) + len(pending) < initial:
            return self._fit(spread(stage, sobol(stage.clusters, trial.number + 1, self._seed)[-1]))
        seed = int(np.random.default_rng([self._seed, trial.number]).integers(2**31))
        return self._improving(known, pending, seen, seed)

    def _improving(self, known: History, pending: Floats, seen: Seen, seed: int) -> Widths:
        """Unseen widths with the largest expected improvement that is found."""
        stage = self.stages[-1]
        surrogate = Surrogate(
            stage.tie(known.ratios), known.rewards, known.noise, stage.tie(pending), self.options
        )
        plane = BudgetPlane(self.problem)
        best = np.argsort(-known.rewards, kind="stable")[: self.options.elites]
        points = surrogate.maxima(
            lambda unit: plane.place(stage, unit),
            stage.unit(known.ratios[best]),
            self.options,
            seed,
        )
        found = [self._fit(spread(stage, point)) for point in points]
        fresh = [widths for widths in found if self.problem.key(widths) not in seen]
        if not fresh:
            return found[0]
        expected = surrogate.expected(stage.tie(ratios_of(self.problem, fresh)))
        return fresh[int(np.argmax(expected))]

    def state_dict(self) -> dict[str, Any]:
        """The stages; everything else is in the study."""
        return {**super().state_dict(), "stages": [stage.to_state() for stage in self.stages]}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on exactly where `state_dict` was called."""
        super().load_state_dict(state)
        self.stages = [Stage.from_state(stage) for stage in state["stages"]]

    def _remembered(self, earlier: History) -> Widths | None:
        """The best policy of earlier searches that is within the budget."""
        for row in np.argsort(-earlier.rewards, kind="stable"):
            widths = self._widths(earlier.ratios[row])
            if earlier.costs[row] <= self.problem.target and self.problem.fits(widths):
                return widths
        return None

    def _roll_back(self, own: History, known: History) -> None:
        """Go to the next stage where it is time."""
        done = len(self.stages) - 1
        if done == len(self._rollbacks):
            return
        rollback = self._rollbacks[done]
        if not rollback.due(own.rewards, self.stages[-1].since):
            return
        best = elites(known, self.problem.target, self.options)
        first = self.stages[0]
        self.stages.append(
            rolled_back(rollback, first, self.clustering, known, best, len(own), self.options)
        )

    def _widths(self, ratios: Floats) -> Widths:
        full = self.problem.full
        pairs = zip(self.problem.groups, ratios, strict=True)
        return to_widths(self.problem, {group: ratio * full[group] for group, ratio in pairs})

    def _fit(self, ratios: Floats) -> Widths:
        named = dict(zip(self.problem.groups, map(float, ratios), strict=True))
        return fit_to_budget(self.problem, asked_ratios(self.problem, named))

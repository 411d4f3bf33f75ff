"""QLP on single weights: small moves of the thresholds around global magnitude."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch

from edgeprune.errors import SearchError
from edgeprune.search.problem import Key, SearchProblem, Widths
from edgeprune.search.samplers.stepwise.options import QlpOptions
from edgeprune.search.samplers.stepwise.qlp import QlpSampler
from edgeprune.search.samplers.stepwise.sampler import Judgement, Known

#: Passes over the clusters after which an episode begins anew at the best plan.
_PASSES = 2
#: Farthest that a threshold's factor may go, and its inverse.
_FARTHEST = 4.0
#: Copies of the target network in one search, at least.
_COPIES = 20


class ThresholdSampler(QlpSampler):
    """QLP on single weights, acting relative to global magnitude (ours; `QlpOptions.clusters`).

    One threshold for all weights is hard to beat, and cutting layers one by one leaves it before
    anything was learnt. So layers of like density under global magnitude are put into a few
    clusters; an action multiplies the threshold of one cluster, and the common threshold follows,
    so that every plan has the regime's density: all factors at 1 is global magnitude. The state
    is the cluster and its factor, in place of the layer's density; a step earns the change of
    accuracy alone, as an end's accuracy would swamp it. Episodes begin at the best plan of the
    regime, half of the trials are the last regime's, and the target network is copied at least
    twenty times in a search.

    Args:
        problem: what is searched; it has `SearchProblem.by_threshold`.
        seed: fixes all random choices.
        trials: how long the search will be.
        options: QLP's numbers.

    Raises:
        SearchError: the problem has no thresholds, or the regimes do not lead down to the budget.
    """

    def __init__(
        self, problem: SearchProblem, seed: int, trials: int, options: QlpOptions | None = None
    ) -> None:
        options = options or QlpOptions()
        if problem.by_threshold is None:
            msg = "option 'clusters' of sampler 'qlp' needs a space whose groups have thresholds"
            raise SearchError(msg)
        self._by_threshold: Callable[[Mapping[str, float], float], Widths] = problem.by_threshold
        self._factors: dict[Key, tuple[float, ...]] = {}
        self._clusters = clusters_of(problem, options.clusters)
        copies = max(1, min(options.target_every, trials // _COPIES))
        options = options.model_copy(update={"target_every": copies})
        super().__init__(problem, seed, trials, options)
        self._start(self.restart())

    @staticmethod
    def moves(options: QlpOptions) -> Sequence[float]:
        """Factors on a threshold."""
        return options.factors

    def observe(self) -> np.ndarray:
        """The cluster that is visited next, and the logarithm of its factor."""
        place = self._place
        factor = np.log(self._of(self.widths)[place]) / np.log(_FARTHEST)
        seen = [place / max(1, len(self._clusters) - 1), factor]
        if self.options.see_cost:
            seen.append(self.at.cost if self.at is not None else 1.0)
        return np.array(seen, np.float32)

    def changed(self, action: int) -> Widths:
        """One cluster's threshold moved, all of them together brought to the regime's density."""
        factors = list(self._of(self.widths))
        moved = factors[self._place] * self.options.factors[action]
        factors[self._place] = min(max(moved, 1 / _FARTHEST), _FARTHEST)
        return self._plan_of(factors)

    def judge(self, before: Known, after: Known) -> Judgement:
        """The change of accuracy."""
        tired = self.steps >= _PASSES * len(self._clusters)
        ended = self.finished >= self._end(self.regime)
        return Judgement(after.value - before.value, tired or ended, False)

    def restart(self) -> Widths:
        """The best plan of the regime; in a new one, the factors of the best before it."""
        home = super().restart()
        best = self.best_within(self.ladder[self.regime])
        return best if best is not None else self._plan_of(self._of(home))

    def completed_to(self) -> float | None:
        """Nothing: every plan has the regime's density already."""
        return None

    def closes(self, *, over: bool) -> float | None:
        """Never: no plan is over the regime's density."""
        return None

    def state_dict(self) -> dict[str, Any]:
        """With the factors of all plans."""
        keys = torch.tensor(list(self._factors), dtype=torch.int64)
        factors = torch.tensor(list(self._factors.values()), dtype=torch.float64)
        return {**super().state_dict(), "planned": keys, "factors": factors}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on exactly where `state_dict` was called."""
        super().load_state_dict(state)
        pairs = zip(state["planned"].tolist(), state["factors"].tolist(), strict=True)
        self._factors = {tuple(key): tuple(factors) for key, factors in pairs}

    @property
    def _place(self) -> int:
        return self.steps % len(self._clusters)

    def _of(self, widths: Widths) -> tuple[float, ...]:
        """The factors of a plan; 1 of one that came from elsewhere."""
        return self._factors.get(self.problem.key(widths), (1.0,) * len(self._clusters))

    def _plan_of(self, factors: Sequence[float]) -> Widths:
        named = {
            group: factor
            for cluster, factor in zip(self._clusters, factors, strict=True)
            for group in cluster
        }
        widths = self._by_threshold(named, self.ladder[self.regime])
        self._factors.setdefault(self.problem.key(widths), tuple(factors))
        return widths

    def _end(self, regime: int) -> int:
        """Trials that are done when a regime ends: half are the last one's."""
        last = len(self.ladder) - 1
        if regime == last:
            return self.trials
        return round(self.trials / 2 * (regime + 1) / last)


def clusters_of(problem: SearchProblem, count: int) -> tuple[tuple[str, ...], ...]:
    """Groups of like density where all have one threshold, in clusters of about equal size.

    Args:
        problem: with thresholds.
        count: how many clusters; at most as many as groups.
    """
    assert problem.by_threshold is not None
    found = problem.by_threshold(dict.fromkeys(problem.groups, 1.0), problem.target)
    order = sorted(problem.groups, key=lambda group: found[group] / problem.full[group])
    parts = np.array_split(np.array(order, dtype=object), min(count, len(order)))
    return tuple(tuple(part.tolist()) for part in parts)


def qlp_sampler(problem: SearchProblem, seed: int, trials: int, options: QlpOptions) -> QlpSampler:
    """QLP for what is pruned: thresholds where there are any, else cuts."""
    kind = ThresholdSampler if problem.by_threshold and options.clusters else QlpSampler
    return kind(problem, seed, trials, options)

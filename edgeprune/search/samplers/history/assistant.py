"""The assistant: what a candidate will be worth, from earlier searches and the current one."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
from scipy.linalg import cho_factor, cho_solve
from scipy.stats import spearmanr

from edgeprune.search.problem import SearchProblem
from edgeprune.search.samplers.history.gaussian import GaussianProcess, kernel, log_likelihood
from edgeprune.search.sources import Floats, SourceRun
from edgeprune.search.translation import blend, kinds, overlap

#: Trials below which a source says nothing that could be checked.
FEWEST_TRIALS = 8
#: A source whose own rewards follow from its own widths no better than this is not believed.
_SIGNIFICANCE = 0.01
#: Most trials of a source that are learnt from: its best and as many others, evenly.
_MOST_TRIALS = 150
#: Trials of the current search before sources can be found out; the weight below which they say
#: nothing, and how many standard deviations must lie below it.
_FEWEST_TO_JUDGE = 8
_NO_WEIGHT = 0.1
_CERTAINTY = 1.0
#: Grids of the difference between sources and target, as shares of the sources' spread: length
#: scale, size, and noise of one evaluation.
_LENGTHS = (0.1, 0.2, 0.4, 0.8)
_SIZES = (0.3, 1.0)
_NOISES = (0.1, 0.3, 0.6)
#: Prior deviation of the level, in spreads: wide, the level of another network says nothing.
_LEVEL = 10.0


class SourceModel:
    """What one source says about any candidate.

    Args:
        source: cleaned, with `FEWEST_TRIALS` trials or more.
        problem: whose candidates it is asked about.
    """

    def __init__(self, source: SourceRun, problem: SearchProblem) -> None:
        self.name = source.name
        rows = _thinned(source.rewards)
        own = kinds(source.feature_names, source.features)
        mixed = blend(own)
        self._process = GaussianProcess.fit(source.ratios[rows] @ mixed, source.rewards[rows])
        self.spread = self._process.deviation
        self._to_source = overlap(kinds(problem.feature_names, problem.features), own) @ mixed
        self.coherent = _coherent(self._process.left_out, source.rewards[rows])

    def predict(self, ratios: Floats) -> Floats:
        """Standardised rewards of the problem's keep ratios (n, groups)."""
        return self._process.predict(ratios @ self._to_source)


@dataclass(frozen=True)
class _Settings:
    length: float
    size: float
    noise: float


class Assistant:
    """Predicts rewards of candidates: a reconstruction of assistant learning (Mu et al.).

    How the paper's assistant works below its name is not known. This one is the autoregressive
    model of Kennedy and O'Hagan (Biometrika 2000): the reward of the target is a level, plus the
    sources' predictions times a weight each, plus a Gaussian process of what they do not explain.
    Weights and level are learned with it, so that a source which is wrong here loses its weight
    as trials come in.

    Args:
        problem: what is searched.
        models: of the sources; all coherent.
    """

    def __init__(self, problem: SearchProblem, models: Sequence[SourceModel]) -> None:
        self._models = tuple(models)
        self._spread = float(np.median([model.spread for model in models])) or 1.0
        self._blend = blend(kinds(problem.feature_names, problem.features))
        self.learn(np.empty((0, len(problem.groups))), np.empty(0))

    def learn(self, ratios: Floats, rewards: Floats) -> None:
        """Learn from all trials of the current search, instead of what it knew of it before.

        Args:
            ratios: (trials, groups).
            rewards: (trials,).
        """
        self._points = ratios @ self._blend
        self._basis = self._features(ratios)
        self._centre = float(rewards.mean()) if len(rewards) else 0.0
        self._values = (rewards - self._centre) / self._spread
        self._settings = self._best()
        covariance = self._covariance(self._settings)
        self._factor = cho_factor(covariance, lower=True) if len(rewards) else None

    @property
    def trials(self) -> int:
        """How many trials of the current search it has learned from."""
        return len(self._values)

    @property
    def weight(self) -> tuple[float, float]:
        """Of the sources' mean prediction: mean and standard deviation.

        Both are 1 before the first trial. It stays near 1 where the sources rank this search's
        candidates and differences are as large as theirs, is smaller where those are, and goes to
        0 where the sources say nothing, below it where the opposite is true.
        """
        if self._factor is None:
            return 1.0, 1.0
        # The sum of the sources' weights, whose prior means and variances are 1 / sources.
        shared = self._prior_mean(self._basis)
        solved = cho_solve(self._factor, shared)
        mean = 1 + float(solved @ (self._values - shared))
        return mean, float(np.sqrt(max(1 - solved @ shared, 0.0)))

    @property
    def refuted(self) -> bool:
        """Whether the trials speak clearly against the sources: a tenth of their weight is left.

        One that merely says nothing about them may stay for long: its weight goes to 0, which
        does no harm, and dropping it early would also drop good ones. A likelihood with sources
        against one without would not find either: the process of what they do not explain fits.
        """
        mean, deviation = self.weight
        return self.trials >= _FEWEST_TO_JUDGE and mean + _CERTAINTY * deviation < _NO_WEIGHT

    def predict(self, ratios: Floats) -> tuple[Floats, Floats]:
        """Means and standard deviations of the rewards of candidates.

        Args:
            ratios: (n, groups).

        Returns:
            Two (n,), in units of the reward; before the first trial around 0.
        """
        basis, points = self._features(ratios), ratios @ self._blend
        mean, prior = self._prior_mean(basis), self._prior(basis, basis)
        own = self._settings.size**2 * kernel(points, points, self._settings.length)
        variance = np.diag(prior + own).copy()
        if self._factor is not None:
            cross = self._prior(basis, self._basis) + self._settings.size**2 * kernel(
                points, self._points, self._settings.length
            )
            residual = self._values - self._prior_mean(self._basis)
            mean = mean + cross @ cho_solve(self._factor, residual)
            variance -= np.einsum("ij,ji->i", cross, cho_solve(self._factor, cross.T))
        deviation = np.sqrt(np.clip(variance, 1e-12, None))
        return self._centre + self._spread * mean, self._spread * deviation

    def _features(self, ratios: Floats) -> Floats:
        columns = [model.predict(ratios) for model in self._models]
        return np.column_stack([np.ones(len(ratios)), *columns])

    def _prior_mean(self, basis: Floats) -> Floats:
        """Before any trial the sources are believed, all alike."""
        return np.asarray(basis[:, 1:].mean(axis=1))

    def _prior(self, a: Floats, b: Floats) -> Floats:
        weights = np.full(a.shape[1], 1 / len(self._models))
        weights[0] = _LEVEL**2
        return np.asarray((a * weights) @ b.T)

    def _covariance(self, settings: _Settings) -> Floats:
        own = settings.size**2 * kernel(self._points, self._points, settings.length)
        noise = settings.noise**2 * np.eye(len(self._values))
        return np.asarray(own + noise + self._prior(self._basis, self._basis))

    def _best(self) -> _Settings:
        """The likeliest settings of the grid."""
        grid = [_Settings(*one) for one in product(_LENGTHS, _SIZES, _NOISES)]
        if not len(self._values):
            return grid[len(grid) // 2]
        residual = self._values - self._prior_mean(self._basis)
        return max(grid, key=lambda one: log_likelihood(self._covariance(one), residual))


def coherent_models(
    problem: SearchProblem, sources: Sequence[SourceRun]
) -> list[tuple[SourceRun, SourceModel]]:
    """The sources that earn trust by themselves: their rewards follow from their widths.

    A source with shuffled rewards fails: left out of its own model, its trials are predicted no
    better than by chance.
    """
    found = []
    for source in sources:
        if source.trials >= FEWEST_TRIALS and float(np.ptp(source.rewards)) > 0:
            model = SourceModel(source, problem)
            if model.coherent:
                found.append((source, model))
    return found


def _coherent(left_out: Floats, rewards: Floats) -> bool:
    if float(np.ptp(left_out)) == 0:
        return False
    return bool(spearmanr(left_out, rewards, alternative="greater").pvalue < _SIGNIFICANCE)


def _thinned(rewards: Floats) -> list[int]:
    """Trials to learn from, in order."""
    if len(rewards) <= _MOST_TRIALS:
        return list(range(len(rewards)))
    order = np.argsort(-rewards, kind="stable")
    half = _MOST_TRIALS // 2
    others = order[half:][np.linspace(0, len(order) - half - 1, half).astype(int)]
    return sorted({*order[:half].tolist(), *others.tolist()})

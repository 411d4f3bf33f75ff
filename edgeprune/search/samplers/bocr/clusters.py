"""Which groups are alike: importance densities, their distances, and Ward's linkage."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.spatial.distance import pdist
from scipy.stats import gaussian_kde, norm

from edgeprune.errors import SearchError
from edgeprune.search.problem import SearchProblem
from edgeprune.search.samplers.bocr.options import BocrOptions

Floats = NDArray[np.float64]
#: Cluster of every group, numbered from 0 by first appearance.
Labels = NDArray[np.int64]
#: Importance of every group's channels or units, larger is more important.
Scores = Mapping[str, Sequence[float] | Floats]


class Clustering:
    """The dendrogram of a problem's groups, to be cut at any number of clusters.

    Args:
        problem: the groups and their features.
        scores: importance of each group's units, for ``EU`` and ``JS``. BOCR takes the absolute
            weights, summed, of each input channel of the layer that reads the group; unscaled,
            because the densities are looked at between fixed limits.
        options: with `BocrOptions.similarity`; None is ``EU`` with scores and ``ST`` without.

    Attributes:
        merges: SciPy's linkage matrix, float64 (groups - 1, 4); empty for one group.

    Raises:
        SearchError: a group has no scores where they are needed, or no finite ones.
    """

    def __init__(self, problem: SearchProblem, scores: Scores | None, options: BocrOptions) -> None:
        self._groups = len(problem.groups)
        similarity = options.similarity or ("ST" if scores is None else "EU")
        self.merges: Floats = np.empty((0, 4))
        if self._groups > 1:
            distances = _distances(problem, scores, similarity, options)
            self.merges = linkage(distances, "ward")

    def labels(self, clusters: int) -> Labels:
        """The cluster of each group, in the order of the problem.

        Args:
            clusters: at most so many; from the number of groups on, each is one of its own.
        """
        if clusters >= self._groups:
            return np.arange(self._groups)
        found = fcluster(self.merges, clusters, "maxclust")
        numbers: dict[int, int] = {}
        return np.array([numbers.setdefault(int(one), len(numbers)) for one in found])


def density(scores: Sequence[float] | Floats, options: BocrOptions) -> Floats:
    """How the importance of one group's units is distributed around its median.

    Args:
        scores: (units,), finite.
        options: where the density is looked at.

    Returns:
        float64 (density_points,), a Gaussian kernel estimate with Scott's bandwidth.
    """
    values = np.sort(np.asarray(scores, dtype=np.float64))
    # The lower of two middles, as torch.median has it.
    values -= values[(len(values) - 1) // 2]
    grid = np.linspace(-options.density_limit, options.density_limit, options.density_points)
    if np.ptp(values) < 1e-9:  # No kernel estimate exists for equal values: as narrow as we see.
        found = norm.pdf(grid, scale=grid[1] - grid[0])
    else:
        found = gaussian_kde(values)(grid)
    return np.asarray(found + options.density_floor)


def _distances(
    problem: SearchProblem, scores: Scores | None, similarity: str, options: BocrOptions
) -> Floats:
    """Condensed pairwise distances."""
    if similarity == "ST":
        span = np.ptp(problem.features, axis=0)
        scaled = (problem.features - problem.features.min(axis=0)) / np.where(span > 0, span, 1)
        return np.asarray(pdist(scaled))
    rows = [density(_scores_of(group, scores, similarity), options) for group in problem.groups]
    metric = {"EU": "euclidean", "JS": "jensenshannon"}[similarity]
    # Rounding makes the Jensen-Shannon distance of equal densities the root of a negative number.
    return np.asarray(np.nan_to_num(pdist(np.array(rows), metric), nan=0.0))


def _scores_of(group: str, scores: Scores | None, similarity: str) -> Floats:
    if scores is None or group not in scores:
        msg = (
            f"similarity {similarity!r} of sampler 'bocr' needs importance scores, and group "
            f"{group!r} has none; similarity: ST compares the groups' features instead"
        )
        raise SearchError(msg)
    values = np.asarray(scores[group], dtype=np.float64)
    if values.ndim != 1 or not len(values) or not np.isfinite(values).all():
        msg = f"importance scores of group {group!r} must be finite numbers, one for each unit"
        raise SearchError(msg)
    return values

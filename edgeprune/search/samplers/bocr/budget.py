"""Where points of BOCR's cube lie once they are scaled to the budget, as a smooth function."""

import numpy as np
import torch

from edgeprune.search.fitting import fit_to_budget, keep_ratios
from edgeprune.search.problem import SearchProblem
from edgeprune.search.samplers.bocr.clusters import Floats
from edgeprune.search.samplers.bocr.rollback import Stage

#: Scaling clips some groups, which leaves budget to the others: a few rounds settle it.
_ROUNDS = 3


class BudgetPlane:
    """The budget as a plane: each group's cost per keep ratio, the others at the uniform plan.

    Every evaluated point lies on the budget. A Gaussian process knows nothing of points off it
    and would always send the search to the widest corner, so the expected improvement is climbed
    over scaled points only. The plane is an approximation for that; the proposed widths are
    scaled with the true cost.

    Args:
        problem: the budget and its cost; asked two times for each group.
    """

    def __init__(self, problem: SearchProblem) -> None:
        uniform = fit_to_budget(problem, dict.fromkeys(problem.groups, 1.0), fill=False)
        ratios = np.array(list(keep_ratios(problem, uniform).values()))
        costs = []
        for group in problem.groups:
            low, full = problem.narrowest[group], problem.full[group]
            ends = [problem.tied({**uniform, group: width}) for width in (low, full)]
            rise = problem.cost(ends[1]) - problem.cost(ends[0])
            costs.append(max(rise, 0.0) / (1 - low / full) if low < full else 0.0)
        self._slopes = torch.tensor(costs, dtype=torch.float64)
        self._level = float(self._slopes @ torch.from_numpy(ratios))

    def place(self, stage: Stage, points: torch.Tensor) -> torch.Tensor:
        """What points of the unit cube stand for.

        Args:
            stage: clusters and bounds.
            points: float64 (..., clusters), 0 to 1.

        Returns:
            float64 (..., clusters): applied keep ratios, the mean over each cluster's groups.
        """
        labels = torch.from_numpy(stage.labels)
        lower, upper = torch.from_numpy(stage.lower), torch.from_numpy(stage.upper)
        ratios = lower + points[..., labels] * (upper - lower)
        for _ in range(_ROUNDS):
            cost = (ratios @ self._slopes).clamp_min(1e-9)
            if self._level > 0:
                ratios = ratios * (self._level / cost)[..., None]
            ratios = torch.minimum(torch.maximum(ratios, lower), upper)
        members = torch.nn.functional.one_hot(labels).double()
        return ratios @ (members / members.sum(0))


def spread(stage: Stage, point: Floats) -> Floats:
    """Keep ratios of all groups, float64 (groups,), of a point of the cube, unscaled."""
    return np.asarray(stage.lower + point[stage.labels] * (stage.upper - stage.lower))

"""What an allocation minimises: each group's loss at each of its choices."""

import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from edgeprune.search.problem import SearchProblem, Widths
from edgeprune.search.sources import Floats

#: Without curves a removed branch is taken to cost so many times what the same formula says of
#: its groups at width 0. Removal saves calls and memory traffic that no width saves, so that at
#: 1 whole blocks would go where nothing is known of them.
REMOVAL_FACTOR = 1.5
#: Least share of the MACs that a logarithm is taken of: a net of branches alone may keep none.
_LEAST = 1e-6


def base_losses(problem: SearchProblem) -> dict[str, Floats]:
    """The curves of a problem, or a prior where it has none.

    The prior is SPDY's (Frantar & Alistarh, ICML 2022, section 3.2): quadratic in the removed
    share, here times the group's share of the cost that cutting alone can remove.

    Returns:
        float64 (choices,) of every group; the loss of removing a branch stands at width 0 of its
        first group, as in `SearchProblem.curves`.
    """
    if problem.curves is not None:
        return {group: np.asarray(problem.curves[group], np.float64) for group in problem.groups}
    removable = {
        group: problem.cost(problem.full)
        - problem.cost({**problem.full, group: problem.narrowest[group]})
        for group in problem.groups
    }
    total = sum(max(saved, 0.0) for saved in removable.values())
    losses = {}
    for group, saved in removable.items():
        # A group whose cost nothing moves still matters a little.
        share = max(saved / total if total > 0 else 0.0, 1e-6)
        kept = np.asarray(problem.choices[group], np.float64) / problem.full[group]
        losses[group] = share * (1 - kept) ** 2
    for branch in problem.branches:
        gone = sum(float(losses[group][0]) for group in branch)
        for group in branch:
            losses[group][0] = 0.0
        losses[branch[0]][0] = REMOVAL_FACTOR * gone
    return losses


def capacity_of(problem: SearchProblem, macs: float) -> float:
    """What a network has of capacity: the natural logarithm of the share of the MACs it keeps.

    Args:
        problem: whose full network all MACs are of.
        macs: the network's own.
    """
    return math.log(max(macs / problem.full_macs, _LEAST))


class SummedLoss:
    """The loss of whole plans: a sum over groups, less what their capacity is worth.

    Curves say what a cut does at once. What fine-tuning makes of a network depends more on its
    capacity: over 20 plans of ResNet-20 at half the latency, the accuracy after 3 epochs is
    explained to 95 % by the logarithm of the MACs they keep and by their loss before
    (docs/results.md, "What fine-tuning makes of a plan"). So a unit of the logarithm is worth some
    of the loss.

    Args:
        problem: groups, choices, branches and MACs.
        losses: of each group at each of its choices, as in `SearchProblem.curves`.
        coefficients: factors on the losses of groups; 1 for those that have none.
        capacity: what a unit of it (`capacity_of`) is worth, in units of the loss.
        have: what plans have of it, where that is known already; None: by the problem's MACs.
    """

    def __init__(
        self,
        problem: SearchProblem,
        losses: Mapping[str, Sequence[float] | Floats],
        coefficients: Mapping[str, float] | None = None,
        capacity: float = 0.0,
        have: Callable[[Widths], float] | None = None,
    ) -> None:
        factors = coefficients or {}
        self.worth = capacity
        self._have = have or (lambda widths: capacity_of(problem, problem.macs(widths)))
        self._table = {
            group: {
                width: factors.get(group, 1.0) * float(loss)
                for width, loss in zip(problem.choices[group], losses[group], strict=True)
            }
            for group in problem.groups
        }

    def __call__(self, widths: Widths) -> float:
        """The loss of tied widths."""
        table = self._table
        total = sum([table[group][width] for group, width in widths.items()])
        return total - self.worth * self._have(widths) if self.worth else total

    def of(self, group: str, widths: Sequence[int], now: int) -> Floats:
        """What some widths of one group add to the sum, its capacity apart.

        Args:
            group: whose.
            widths: of it.
            now: its present width, which adds nothing.

        Returns:
            float64 (widths,).
        """
        table = self._table[group]
        return np.array([table[width] for width in widths], np.float64) - table[now]

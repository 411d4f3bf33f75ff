"""What an allocation minimises: each group's loss at each of its choices."""

from collections.abc import Mapping, Sequence

import numpy as np

from edgeprune.search.problem import SearchProblem
from edgeprune.search.sources import Floats

#: Without curves a removed branch is taken to cost so many times what the same formula says of
#: its groups at width 0. Removal saves calls and memory traffic that no width saves, so that at
#: 1 whole blocks would go where nothing is known of them.
REMOVAL_FACTOR = 1.5


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


def scaled(
    losses: Mapping[str, Floats],
    coefficients: Mapping[str, float],
    removal: float = 1.0,
    branches: Sequence[Sequence[str]] = (),
) -> dict[str, Floats]:
    """Losses times a coefficient for each group; 1 for those that have none.

    Args:
        losses: of each group at each of its choices.
        coefficients: by group.
        removal: one more factor, on what removing a branch costs.
        branches: groups that go together; the first one's width 0 holds that loss.
    """
    found = {group: coefficients.get(group, 1.0) * curve for group, curve in losses.items()}
    if removal != 1.0:
        for branch in branches:
            found[branch[0]] = found[branch[0]].copy()
            found[branch[0]][0] *= removal
    return found

"""Who races for being the result where the budget is on a density, which is counted.

Nothing has to be measured to know whether a plan holds such a budget: none has to be settled.
"""

from edgeprune.pipeline.field import (
    BASELINES,
    FINALISTS,
    Contender,
    choose,
    trial_words,
    within,
)
from edgeprune.pipeline.goals import Goal
from edgeprune.pipeline.session import Session
from edgeprune.pruning import CountedSpace, Widths
from edgeprune.pruning.spaces.weights import PER_MILLE
from edgeprune.search import SearchResult


def counted_field(
    session: Session, space: CountedSpace, goal: Goal, found: SearchResult, compared: SearchResult
) -> list[Contender]:
    """The contenders of a budget on a density: each as it was found.

    Args:
        session: the open run.
        space: what is cut.
        goal: the budget.
        found: the user's own search.
        compared: random search with as many trials.
    """
    limit, words = goal.limit, BASELINES["weights"]
    best = within(compared, limit)[0]
    magnitude, uniform = space.by_magnitude(limit), uniform_density(space, limit)
    return [
        *(
            Contender(
                f"search-{one.number}", trial_words(session, one), one.widths, trial=one.number
            )
            for one in choose(found, limit)[:FINALISTS]
            if one.outcome.cost <= limit
        ),
        Contender("magnitude", words["magnitude"], magnitude, ("magnitude",)),
        Contender("uniform", words["uniform"], uniform, ("uniform",)),
        Contender(
            *(f"random-{best.number}", f"{words['random']} trial {best.number}", best.widths),
            ("random",),
            trial=best.number,
        ),
    ]


def uniform_density(space: CountedSpace, density: float) -> Widths:
    """The largest uniform density within the budget: layers at their least leave less to others."""
    plans = (space.scaled(share / PER_MILLE) for share in range(PER_MILLE, 0, -1))
    return next(plan for plan in plans if space.density(plan) <= density)

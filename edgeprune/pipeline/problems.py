"""What a sampler is told of a run: its groups, choices, cost and budget."""

from edgeprune.latency import LatencyEstimator
from edgeprune.pipeline.session import Session
from edgeprune.pipeline.stages.probe import Probe
from edgeprune.pruning import CountedSpace
from edgeprune.pruning.spaces.weights import PER_MILLE
from edgeprune.search import SearchProblem


def density_problem(space: CountedSpace, density: float) -> SearchProblem:
    """What a sampler is told: the budget is on the share of weights that is kept.

    Densities in thousandths take the place of widths, so every sampler can search them; those
    that learn from measured latency (`bocr`) learn nothing of use, as it does not change.

    Args:
        space: the model's layers.
        density: largest allowed share of all prunable weights; 0.2 is 80 % sparsity.

    Raises:
        SearchError: the density is not positive.
    """
    full = {group: choices[-1] for group, choices in space.choices.items()}
    sizes = {part.name: part.size for part in space.describe(full)}
    return SearchProblem(
        groups=tuple(space.choices),
        choices=space.choices,
        features=space.features,
        feature_names=space.feature_names,
        macs=lambda widths: sum(
            size * widths[name] / PER_MILLE for name, size in sizes.items() if name in widths
        ),
        cost=space.density,
        target=density,
        above=space.above,
        complete=space.completed,
        exact=True,
    )


def search_problem(
    session: Session, probe: Probe, estimator: LatencyEstimator | None
) -> SearchProblem:
    """What a sampler is told of a run; the estimator learns from the outcomes.

    Args:
        session: the open run.
        probe: the budget.
        estimator: of latency; None where the budget is on a density.
    """
    if session.counted is not None:
        return density_problem(session.counted, probe.budget)
    assert estimator is not None
    space = session.channels
    return SearchProblem(
        groups=tuple(group.name for group in space.free),
        choices=space.choices,
        features=space.features,
        feature_names=space.feature_names,
        macs=space.macs,
        cost=estimator.bound,
        target=probe.budget,
        observe=lambda widths, outcome: estimator.observe(widths, outcome.latency_ratio),
        scores=space.reader_norms,
        branches=tuple(branch.groups for branch in space.branches),
        curves=session.curves.losses if session.curves is not None else None,
    )

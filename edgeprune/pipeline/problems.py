"""What a sampler is told of a run: its groups, choices, cost and budget."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from edgeprune.latency import LatencyEstimator
from edgeprune.pipeline.amounts import Allowances
from edgeprune.pipeline.session import Session
from edgeprune.pipeline.stages.probe import Probe
from edgeprune.pruning import ChannelSpace, CountedSpace
from edgeprune.pruning.spaces.weights import PER_MILLE
from edgeprune.search import Outcome, SearchProblem, Widths
from edgeprune.search.promise import WORTHS
from edgeprune.search.several import OfSeveral


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
        by_threshold=lambda factors, cost: space.by_magnitude(cost, factors),
        exact=True,
    )


def search_problem(
    session: Session,
    probe: Probe,
    estimator: LatencyEstimator | None,
    allowances: Allowances | None = None,
) -> SearchProblem:
    """What a sampler is told of a run; the estimator learns from the outcomes.

    Args:
        session: the open run.
        probe: the budget.
        estimator: of latency; None where the budget is on a density.
        allowances: the budgets beside latency; None: of its own.
    """
    if session.counted is not None:
        return density_problem(session.counted, probe.budget)
    assert estimator is not None
    if session.config.budget.amounts and allowances is None:
        allowances = Allowances(session, estimator)

    def observe(widths: Widths, outcome: Outcome) -> None:
        estimator.observe(widths, outcome.latency_ratio, outcome.latency_error)
        if allowances is not None:
            allowances.observe(widths, outcome.amounts)

    problem = channel_problem(
        session.channels,
        OfSeveral(estimator.bounds),
        probe.budget,
        observe=observe,
        curves=session.curves.losses if session.curves is not None else None,
        worths=session.worths,
        # What is slower may still be smaller.
        floors=None if session.config.budget.amounts else probe.floors,
    )
    if allowances is None:
        return problem
    return problem.holding(*(one.share for one in allowances.each))


def channel_problem(
    space: ChannelSpace,
    cost: Callable[[Widths], float],
    target: float,
    *,
    observe: Callable[[Widths, Outcome], None] = lambda widths, outcome: None,
    curves: Mapping[str, Sequence[float]] | None = None,
    worths: tuple[float, ...] = WORTHS,
    floors: Widths | None = None,
) -> SearchProblem:
    """The widths of a model's channel groups, as a sampler is told of them.

    Args:
        space: what may be cut.
        cost: of widths, as a ratio to the base model's.
        target: largest cost.
        observe: is told of every outcome, so that the cost may learn.
        curves: loss that cutting each group alone to each of its choices causes.
        worths: of capacity, see `SearchProblem`.
        floors: widths of each group below which nothing is gained; None: there are none.
    """
    floors = floors or {}
    kept = {
        group: [at for at, width in enumerate(choices) if not 0 < width < floors.get(group, 0)]
        for group, choices in space.choices.items()
    }

    def at_kept(each: Mapping[str, Sequence[Any]]) -> dict[str, tuple[Any, ...]]:
        return {group: tuple(each[group][at] for at in places) for group, places in kept.items()}

    return SearchProblem(
        groups=tuple(group.name for group in space.free),
        choices=at_kept(space.choices),
        features=space.features,
        feature_names=space.feature_names,
        macs=OfSeveral(space.macs_of),
        cost=cost,
        target=target,
        observe=observe,
        scores=space.reader_norms,
        branches=tuple(branch.groups for branch in space.branches),
        curves=None if curves is None else at_kept(curves),
        worths=worths,
    )

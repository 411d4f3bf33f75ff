"""From one network's keep ratios to another's: by relative depth and kind of group."""

from collections.abc import Sequence

import numpy as np

from edgeprune.search.fitting import fit_to_budget
from edgeprune.search.problem import SearchProblem, Widths
from edgeprune.search.sources import Floats, SourceRun, column, usable

#: Cost of a trial over its own budget that still counts as within: measurements scatter.
_SLACK = 1.02
#: Share of a source's trials whose mean is its consensus.
_TOP = 0.1
#: How far in relative depth groups resemble each other, and how much each is on its own.
_REACH = 0.1
_OWN = 0.3
#: Share of a problem's groups of whose kind a source must have some.
_ALIKE = 0.5


def kinds(names: tuple[str, ...], features: Floats) -> list[tuple[float, bool]]:
    """What each group is: kind of its first layer, and whether many layers share it."""
    zeros = np.zeros(len(features))
    kind, layers = column(names, features, "kind"), column(names, features, "layers")
    first = zeros if kind is None else kind
    # More than the layer that writes and the one that reads: the stream of a residual stage.
    shared = zeros if layers is None else layers
    return [(float(a), bool(b > 2)) for a, b in zip(first, shared, strict=True)]


def overlap(source: Sequence[tuple[float, bool]], target: Sequence[tuple[float, bool]]) -> Floats:
    """Weights that turn keep ratios of one network's groups into another's.

    The groups of one kind divide the depth from 0 to 1 evenly among them. A group of the target
    takes the mean over the groups of its kind that share its part of the depth: many are averaged,
    few are repeated. A kind that the source lacks takes all of its groups.

    Args:
        source: kinds of its groups, in order; see `kinds`.
        target: the same.

    Returns:
        float64 (source groups, target groups); columns sum to 1.
    """
    weights = np.zeros((len(source), len(target)))
    for kind in set(target):
        wanted = [index for index, one in enumerate(target) if one == kind]
        same = [index for index, one in enumerate(source) if one == kind]
        given = same or list(range(len(source)))
        edges = np.arange(len(given) + 1) / len(given)
        for place, index in enumerate(wanted):
            low, high = place / len(wanted), (place + 1) / len(wanted)
            shared = np.clip(np.minimum(edges[1:], high) - np.maximum(edges[:-1], low), 0, None)
            weights[given, index] = shared / shared.sum()
    return weights


def blend(groups: Sequence[tuple[float, bool]]) -> Floats:
    """A matrix under which groups of one kind and similar depth count as similar.

    Neighbouring layers are about as sensitive: a model of keep ratios that knows it needs far
    fewer trials where there are many groups. Ratios times this matrix are its inputs.

    Args:
        groups: kinds of the groups, in order; see `kinds`.

    Returns:
        float64 (groups, groups), symmetric.
    """
    covariance = np.zeros((len(groups), len(groups)))
    for kind in set(groups):
        same = [index for index, one in enumerate(groups) if one == kind]
        depth = (np.arange(len(same)) + 0.5) / len(same)
        near = np.exp(-0.5 * ((depth[:, None] - depth) / _REACH) ** 2)
        covariance[np.ix_(same, same)] = near
    covariance += _OWN * np.eye(len(groups))
    covariance *= len(groups) / np.trace(covariance)
    values, vectors = np.linalg.eigh(covariance)
    return np.asarray((vectors * np.sqrt(np.clip(values, 0, None))) @ vectors.T)


def translated(source: SourceRun, problem: SearchProblem, ratios: Floats) -> Floats:
    """Keep ratios of a source's groups as the problem's.

    Args:
        source: where they come from.
        problem: what they are for.
        ratios: (..., groups of the source).

    Returns:
        float64 (..., groups of the problem).
    """
    found = overlap(
        kinds(source.feature_names, source.features),
        kinds(problem.feature_names, problem.features),
    )
    return ratios @ found


def alike(source: Sequence[tuple[float, bool]], target: Sequence[tuple[float, bool]]) -> bool:
    """Whether most groups of a network are of kinds that another has: else it tells nothing.

    What the inner groups of residual blocks like says nothing of streams through depthwise
    convolutions: over a cold search's trials, what ResNets promise of MobileNetV1's plans and
    what these earn go together as often as not (docs/results.md, "What history saves").

    Args:
        source: kinds of the groups of the one that tells; see `kinds`.
        target: those of the one that is told.
    """
    known = set(source)
    return sum(group in known for group in target) >= _ALIKE * len(target)


def comparable(problem: SearchProblem, sources: Sequence[SourceRun]) -> tuple[SourceRun, ...]:
    """The sound sources (`usable`) of networks that are `alike`.

    Args:
        problem: what is searched.
        sources: earlier searches.
    """
    groups = kinds(problem.feature_names, problem.features)
    sound = usable(sources)
    return tuple(one for one in sound if alike(kinds(one.feature_names, one.features), groups))


def best_points(problem: SearchProblem, sources: Sequence[SourceRun], count: int) -> list[Widths]:
    """The best of earlier searches, as candidates of this problem: replay the best.

    Of each source first its consensus, the mean of its best tenth, because the single best was
    also the luckiest; then its best trials. Sources take turns, those of the nearest budget first.

    Args:
        problem: what is searched; points are scaled to its budget.
        sources: earlier searches; broken ones and those that are not `comparable` are left out.
        count: how many points at most.

    Returns:
        Different allowed widths inside the budget.
    """
    told = comparable(problem, sources)
    nearest_first = sorted(told, key=lambda one: abs(one.budget - problem.target))
    rows = [translated(one, problem, _best_rows(one, count)) for one in nearest_first]
    found: dict[tuple[int, ...], Widths] = {}
    for place in range(count):
        for table in rows:
            if place < len(table) and len(found) < count:
                named = dict(zip(problem.groups, map(float, table[place]), strict=True))
                widths = fit_to_budget(problem, named)
                found.setdefault(problem.key(widths), widths)
    return list(found.values())


def _best_rows(source: SourceRun, count: int) -> Floats:
    within = np.flatnonzero(source.costs <= _SLACK * source.budget)
    if not len(within):
        within = np.array([int(np.argmin(source.costs))])
    order = within[np.argsort(-source.rewards[within], kind="stable")]
    top = order[: max(1, round(_TOP * len(order)))]
    consensus = source.ratios[top].mean(axis=0, keepdims=True)
    return np.concatenate([consensus, source.ratios[order[:count]]])

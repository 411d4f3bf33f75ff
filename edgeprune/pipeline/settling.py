"""Which widths a contender ends with: measured again, and shrunk until the budget holds."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from edgeprune.devices import Comparison
from edgeprune.latency import LatencyEstimator
from edgeprune.pipeline.session import Session
from edgeprune.search import SearchProblem, Widths, fill

#: How many of a search's best trials are measured again before one is taken.
REMEASURED = 5
#: How often widths may be shrunk before the budget counts as missed.
MAX_SHRINKS = 12
#: How often a plan is filled, measured, and filled again with what was learned.
MAX_FILLS = 6
#: A plan this near to the limit is not filled any further.
_NEAR = 0.005


@dataclass(frozen=True)
class Settled:
    """Widths and the measurement that speaks for them."""

    widths: Widths
    comparison: Comparison
    met: bool


def settle(session: Session, candidates: Sequence[Widths], limit: float) -> Settled:
    """The first candidate whose latency, measured again, is surely within the limit.

    A search's best trial is partly lucky: among many measured ratios the ones just inside the
    budget were picked. So each candidate is measured anew and must hold the limit with its
    whole interval; if none does, the best one is shrunk, and the smallest of all comes last.

    Args:
        session: the open run.
        candidates: widths, best first.
        limit: largest latency as a ratio to the base.

    Returns:
        The widths to go on with; `met` is False when even the smallest miss the limit.
    """
    for widths in candidates:
        comparison = session.compare(widths)
        session.reporter.log(f"settle: {comparison.ratio:.4f}x of at most {limit:.4f}x")
        if comparison.ratio_interval[1] <= limit:
            return Settled(widths, comparison, True)
    widths = candidates[0]
    for _ in range(MAX_SHRINKS):
        smaller = shrink(session, widths)
        if smaller == widths:
            break
        widths = smaller
        comparison = session.compare(widths)
        if comparison.ratio_interval[1] <= limit:
            return Settled(widths, comparison, True)
    widths = smallest_widths(session)
    comparison = session.compare(widths)
    return Settled(widths, comparison, comparison.ratio <= limit)


def shrink(session: Session, widths: Widths) -> Widths:
    """The next smaller widths of about the same shape: every group 4 % narrower, at least one.

    No branch goes: what is left of the network keeps its form.
    """
    space = session.space
    smaller = space.snap({name: width * 0.96 for name, width in widths.items()})
    if smaller != widths:
        return smaller
    # Rounding kept everything: take one step off the group with the most channels left to give.
    kept = {name: [one for one in space.choices[name] if one] for name in widths}
    give = {name: width / kept[name][0] for name, width in widths.items() if width > kept[name][0]}
    if not give:
        return widths
    name = max(give, key=lambda group: give[group])
    step = max(choice for choice in kept[name] if choice < widths[name])
    return {**widths, name: step}


def smallest_widths(session: Session) -> Widths:
    """Every group at the least that it may keep; all branches that may go are gone."""
    return {group: choices[0] for group, choices in session.space.choices.items()}


def settle_uniform(session: Session, limit: float) -> Settled:
    """The largest uniform-ratio widths whose measured latency is surely within a limit.

    Args:
        session: the open run.
        limit: largest latency as a ratio to the base.

    Returns:
        The widths; `met` is False when even the narrowest miss the limit.
    """
    ladder: list[Widths] = []
    for percent in range(1, 101):
        widths = session.space.scaled(percent / 100)
        if not ladder or widths != ladder[-1]:
            ladder.append(widths)
    low, high = 0, len(ladder) - 1
    best = Settled(ladder[0], session.compare(ladder[0]), False)
    while low <= high:
        middle = (low + high) // 2
        comparison = session.compare(ladder[middle])
        session.reporter.log(f"uniform step {middle}: {comparison.ratio:.4f}x, wanted {limit:.4f}x")
        if comparison.ratio_interval[1] <= limit:
            best = Settled(ladder[middle], comparison, True)
            low = middle + 1
        else:
            high = middle - 1
    return best


def settle_filled(
    session: Session,
    problem: SearchProblem,
    estimator: LatencyEstimator,
    plain: Settled,
    limit: float,
) -> Settled:
    """A plan, filled until its measured latency is as near to the limit as a few tries bring it.

    Every try tells the estimator what was measured, and aims above or below the limit by as much
    as the last one missed it.

    Args:
        session: the open run.
        problem: what is filled; its cost is the estimator's.
        estimator: of latency.
        plain: the plan that is widened.
        limit: largest latency as a ratio to the base.

    Returns:
        The slowest of the filled plans that are surely within the limit; `plain` where none is.
    """
    best, target = plain, limit
    tried: list[Widths] = []
    for _ in range(MAX_FILLS):
        widths = fill(replace(problem, target=target), plain.widths)
        if widths in tried:
            # Choices are coarse: a little less than what was just over the limit is what is left.
            target *= 1 - _NEAR
            continue
        tried.append(widths)
        known = widths == plain.widths
        comparison = plain.comparison if known else session.compare(widths)
        session.reporter.log(f"filled: {comparison.ratio:.4f}x of at most {limit:.4f}x")
        estimator.observe(widths, comparison.ratio)
        high = comparison.ratio_interval[1]
        if high <= limit and comparison.ratio > best.comparison.ratio:
            best = Settled(widths, comparison, True)
        if 0 <= limit / high - 1 < _NEAR:
            break
        target *= limit / high
    return best

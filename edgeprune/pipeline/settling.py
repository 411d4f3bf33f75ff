"""Which widths a contender ends with: measured again, and shrunk until the budget holds."""

from collections.abc import Sequence
from dataclasses import dataclass

from edgeprune.devices import Comparison
from edgeprune.pipeline.session import Session
from edgeprune.search import Widths

#: How many of a search's best trials are measured again before one is taken.
FINALISTS = 5
#: How often widths may be shrunk before the budget counts as missed.
MAX_SHRINKS = 12
#: A measured ratio this much above the limit still counts as "the same latency" as another
#: contender's: it is the repeatability of the measurement (docs/results.md).
SAME_LATENCY = 1.01


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
    whole interval; if none does, the best one is shrunk.

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
    comparison = session.compare(widths)
    return Settled(widths, comparison, comparison.ratio <= limit)


def shrink(session: Session, widths: Widths) -> Widths:
    """The next smaller widths of about the same shape: every group 4 % narrower, at least one."""
    space = session.space
    smaller = space.snap({name: width * 0.96 for name, width in widths.items()})
    if smaller != widths:
        return smaller
    # Rounding kept everything: take one step off the group with the most channels left to give.
    give = {
        name: width / space.choices[name][0]
        for name, width in widths.items()
        if width > space.choices[name][0]
    }
    if not give:
        return widths
    name = max(give, key=lambda group: give[group])
    step = max(choice for choice in space.choices[name] if choice < widths[name])
    return {**widths, name: step}


def settle_uniform(session: Session, limit: float) -> Settled:
    """The largest uniform-ratio widths that measure the same latency as another contender.

    Args:
        session: the open run.
        limit: the other contender's measured ratio.
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
        if comparison.ratio <= limit * SAME_LATENCY:
            best = Settled(ladder[middle], comparison, True)
            low = middle + 1
        else:
            high = middle - 1
    return best

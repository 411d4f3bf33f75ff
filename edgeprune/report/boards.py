"""What each board of a pool measured of the result: what one board's number hides."""

from collections.abc import Sequence
from dataclasses import dataclass

from edgeprune.report.fields import EXACT, Count, Interval, Positive


@dataclass(frozen=True)
class BoardRow:
    """One board of the pool.

    Attributes:
        name: within the pool.
        measured: comparisons that it made in the whole run.
        errors: how often it was set aside.
        ratio: the result's latency to the base model's on this board; None: it was away then.
        ratio_interval: 95 % interval of that.
        latency_ms: of the result.
        baseline_ms: of the base model.
        last_error: why it was set aside, the last time.
    """

    __pydantic_config__ = EXACT

    name: str
    measured: Count
    errors: Count
    ratio: Positive | None = None
    ratio_interval: Interval | None = None
    latency_ms: Positive | None = None
    baseline_ms: Positive | None = None
    last_error: str = ""


def boards_sentence(boards: Sequence[BoardRow]) -> str:
    """How far the boards agree, and how much they differ in speed; empty without any."""
    ratios = [one.ratio for one in boards if one.ratio is not None]
    speeds = [one.baseline_ms for one in boards if one.baseline_ms is not None]
    if not ratios or not speeds:
        return ""
    counted = f"{len(ratios)} of {len(boards)}" if len(ratios) < len(boards) else f"{len(boards)}"
    text = f"The result was measured on {counted} boards, each beside the base model on itself. "
    if len(ratios) == 1:
        return f"{text}The others were away then."
    ratio, speed = (max(values) / min(values) - 1 for values in (ratios, speeds))
    return (
        f"{text}The base model takes {speed:.1%} longer on the slowest board than on the fastest; "
        f"the ratios lie within {ratio:.1%} of each other. The first table has the largest."
    )

"""A ratio that is far from what was expected: measured once more before it is believed."""

from collections.abc import Callable

from edgeprune.devices.artifacts import Note
from edgeprune.devices.measurement import Comparison

#: Beyond an end of the interval of its prediction by this factor a ratio is doubted.
FAR = 1.5


def unsurprised(
    compare: Callable[[], Comparison], expected: tuple[float, float] | None, note: Note
) -> Comparison:
    """Compare two models, once more where the ratio is far from what was expected of it.

    On a machine with many times more to do than it has cores, a small network may end within its
    turn on a core, where the base model never does: such a ratio is a tenth of what it should be,
    and all of its runs agree. The second comparison is believed whatever it says: it does not
    censor a network that really is a surprise, and of the two ratios it is the one that was not
    chosen for being far off.

    Args:
        compare: measures.
        expected: where 95 % of such ratios lie; None: nothing is known.
        note: told of both ratios.

    Raises:
        MeasurementError: as `compare`; the first ratio is not used then either.
    """
    first = compare()
    if expected is None or not _far(first.ratio, *expected):
        return first
    second = compare()
    note(
        f"a ratio of {first.ratio:.3g}x where {expected[0]:.3g}x to {expected[1]:.3g}x was "
        f"expected: measured once more, {second.ratio:.3g}x, which counts"
    )
    return second


def _far(ratio: float, low: float, high: float) -> bool:
    return ratio * FAR < low or ratio > high * FAR

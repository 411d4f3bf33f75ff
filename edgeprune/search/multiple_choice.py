"""The multiple-choice knapsack of an allocation, solved exactly over buckets of cost."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edgeprune.search.sources import Floats

#: Buckets that the budget is divided into; SPDY has 10,000, for costs that are exact.
_BUCKETS = 1000


@dataclass(frozen=True)
class Knob:
    """What one group may be set to.

    Attributes:
        costs: of each of its choices, relative to any common point.
        losses: of each of its choices.
    """

    costs: Floats
    losses: Floats


@dataclass(frozen=True)
class Part:
    """Groups that are decided together: those of a branch, or one alone.

    Attributes:
        knobs: one for each group.
        kept: cost and loss of being there at all, on top of the knobs'.
        gone: cost and loss of going instead; None where it cannot.
        forced: True: it is kept; False: it goes; None: what is better.
    """

    knobs: tuple[Knob, ...]
    kept: tuple[float, float] = (0.0, 0.0)
    gone: tuple[float, float] | None = None
    forced: bool | None = None


#: Of each part the chosen index of every knob; None where it goes.
Solution = list[tuple[int, ...] | None]


def solve(parts: Sequence[Part], budget: float) -> Solution:
    """The choices of least summed loss whose summed cost is at most a budget.

    Dynamic programme over buckets of cost, as SPDY's (Frantar & Alistarh, ICML 2022, section 3.1);
    a branch is one choice between going and the best of its groups. Costs are rounded to the
    nearest bucket, so the sum may miss the budget by a fraction of a bucket for each group.

    Args:
        parts: what is decided.
        budget: on the scale of the costs; may be negative, as they may.

    Returns:
        One entry for each part; the cheapest choices where nothing is within the budget.
    """
    least = sum(_cheapest(part) for part in parts)
    bucket = max(budget - least, 1e-12) / _BUCKETS
    best = np.zeros(_BUCKETS + 1)
    tables = [_Table(part, bucket) for part in parts]
    for table in tables:
        best = table.extend(best)
    left = _BUCKETS
    found: Solution = []
    for table in reversed(tables):
        chosen, left = table.trace(left)
        found.append(chosen)
    return found[::-1]


def _cheapest(part: Part) -> float:
    kept = part.kept[0] + sum(float(knob.costs.min()) for knob in part.knobs)
    if part.gone is None or part.forced is True:
        return kept
    return part.gone[0] if part.forced is False else min(kept, part.gone[0])


class _Table:
    """One part's stage of the dynamic programme, and how to walk it back."""

    def __init__(self, part: Part, bucket: float) -> None:
        self._part = part
        least = _cheapest(part)

        def whole(cost: float) -> int:
            return round(min(cost / bucket, _BUCKETS + 1))

        lows = [float(knob.costs.min()) for knob in part.knobs]
        self._costs = [
            [whole(cost) for cost in (knob.costs - low).tolist()]
            for knob, low in zip(part.knobs, lows, strict=True)
        ]
        self._kept = whole(part.kept[0] + sum(lows) - least)
        self._gone = whole(part.gone[0] - least) if part.gone else 0
        self._choices: list[NDArray[np.int64]] = []
        self._goes: NDArray[np.bool_] | None = None

    def extend(self, best: Floats) -> Floats:
        """From the least losses without this part to those with it, for each cost."""
        part = self._part
        kept: Floats = np.full_like(best, np.inf)
        if part.forced is not False:
            kept = _paid(best, self._kept, part.kept[1])
            for knob, costs in zip(part.knobs, self._costs, strict=True):
                kept, choices = _chosen(kept, costs, knob.losses.tolist())
                self._choices.append(choices)
        if part.gone is None or part.forced is True:
            return kept
        gone = _paid(best, self._gone, part.gone[1])
        self._goes = gone < kept
        return np.asarray(np.minimum(gone, kept), np.float64)

    def trace(self, left: int) -> tuple[tuple[int, ...] | None, int]:
        """What was chosen where so many buckets are left, and how many are left before it."""
        if self._goes is not None and (self._part.forced is False or self._goes[left]):
            return None, max(left - self._gone, 0)
        chosen = []
        for choices, costs in zip(reversed(self._choices), reversed(self._costs), strict=True):
            index = int(choices[left])
            chosen.append(index)
            left = max(left - costs[index], 0)
        return tuple(chosen[::-1]), max(left - self._kept, 0)


def _paid(best: Floats, cost: int, loss: float) -> Floats:
    """Least losses once a cost is paid, in buckets, for a loss."""
    if cost == 0:
        return best + loss
    found = np.full_like(best, np.inf)
    if cost < len(best):
        np.add(best[: len(best) - cost], loss, out=found[cost:])
    return found


def _chosen(
    best: Floats, costs: Sequence[int], losses: Sequence[float]
) -> tuple[Floats, NDArray[np.int64]]:
    """Least losses once one of some choices is paid, and which one it is; the first of equal ones.

    Args:
        best: least losses before, (buckets,).
        costs: of the choices, in buckets.
        losses: of the choices.
    """
    found, choices = np.full_like(best, np.inf), np.zeros(len(best), np.int64)
    for index, (cost, loss) in enumerate(zip(costs, losses, strict=True)):
        if cost < len(best):
            now, option = found[cost:], best[: len(best) - cost] + loss
            np.copyto(choices[cost:], index, where=option < now)
            np.minimum(now, option, out=now)
    return found, choices

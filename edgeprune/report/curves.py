"""The sensitivity curves: what cutting one group alone costs, as measured before the search."""

import math
from dataclasses import dataclass, field
from html import escape
from typing import Annotated, Any

from pydantic import BeforeValidator

from edgeprune.report import numbers
from edgeprune.report.fields import EXACT, AtLeastOne, Count, NotNegative

#: Groups that are named as the most and the least sensitive ones.
_NAMED = 3
#: More lines than this have no legend: hovering names them.
_LEGEND = 8
_FIRST, _LAST = (124, 58, 237), (8, 145, 178)


def _finite(value: Any) -> Any:
    """A loss that is no finite number (a dead layer) is a gap in its curve."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return None if is_number and not math.isfinite(value) else value


_Loss = Annotated[NotNegative | None, BeforeValidator(_finite)]


@dataclass(frozen=True)
class Curves:
    """Loss by width, group by group.

    Attributes:
        losses: of each group cut alone to each of its `choices`, interpolated between measured
            ones; None where it is not finite.
        choices: widths, ascending to the full one.
        measured: the losses that were measured, by width; these are marked.
        seconds: that measuring took.
        images: it was measured on.
        warnings: what was odd.
    """

    __pydantic_config__ = EXACT

    losses: dict[str, tuple[_Loss, ...]]
    choices: dict[str, tuple[Count, ...]]
    seconds: NotNegative
    images: AtLeastOne
    measured: dict[str, dict[int, _Loss]] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()


def curves_figure(curves: Curves) -> dict[str, Any]:
    """One line a group, loss over the share of channels that is kept; hovering names the group.

    The colour goes with the place in the network, from its first group to its last.
    """
    traces = []
    names = list(curves.losses)
    for index, name in enumerate(names):
        choices, losses = curves.choices[name], curves.losses[name]
        full = max(choices, default=1) or 1
        label = escape(name)
        measured = curves.measured.get(name, dict.fromkeys(choices))
        traces.append(
            {
                "type": "scatter",
                "mode": "lines+markers",
                "name": label,
                "showlegend": len(names) <= _LEGEND,
                "x": [choice / full for choice in choices],
                "y": list(losses),
                "text": [f"{label}: {choice} of {full}" for choice in choices],
                "hovertemplate": "%{text}<br>loss %{y:.3g}<extra></extra>",
                "line": {"color": _shade(index / max(1, len(names) - 1)), "width": 1.5},
                "marker": {"size": [5 if one in measured else 0 for one in choices]},
            }
        )
    layout = {
        "xaxis": {"title": {"text": "share of the group's channels kept"}, "tickformat": ".0%"},
        "yaxis": {"title": {"text": "loss"}, "rangemode": "tozero"},
        "hovermode": "closest",
    }
    return {"data": traces, "layout": layout}


def curves_sentences(curves: Curves) -> list[str]:
    """What was measured, and which groups it says to cut and to spare."""
    groups = len(curves.losses)
    found = [
        f"{groups} group{'' if groups == 1 else 's'} on {curves.images:,} training images, in "
        f"{numbers.seconds(curves.seconds)}."
    ]
    halves = {name: _at_half(curves, name) for name in curves.losses}
    ranked = sorted(
        (name for name, loss in halves.items() if loss is not None),
        key=lambda name: -(halves[name] or 0.0),
    )
    if len(ranked) >= 2 * _NAMED:
        most, least = ", ".join(ranked[:_NAMED]), ", ".join(ranked[: -_NAMED - 1 : -1])
        found.append(f"Halving hurts most in {most}; least in {least}.")
    return [*found, *curves.warnings]


def _at_half(curves: Curves, name: str) -> float | None:
    """The loss at the width that is nearest to half of the channels; None where it is unknown."""
    pairs = list(zip(curves.choices[name], curves.losses[name], strict=False))
    if not pairs:
        return None
    half = max(choice for choice, _ in pairs) / 2
    return min(pairs, key=lambda pair: abs(pair[0] - half))[1]


def _shade(part: float) -> str:
    mixed = (round(a + part * (b - a)) for a, b in zip(_FIRST, _LAST, strict=True))
    return f"rgb({','.join(map(str, mixed))})"

"""The device card's charts."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from edgeprune.report.card import Steps


def staircase_figure(steps: "Steps", unit: str) -> dict[str, Any]:
    """Time over channels; the widths that are worth taking stand out.

    Args:
        steps: of one kind of layer.
        unit: of the times.
    """
    good = [
        (count, ms)
        for count, ms in zip(steps.channels, steps.ms, strict=True)
        if steps.multiple > 1 and count % steps.multiple == 0
    ]
    data: list[dict[str, Any]] = [
        {
            "type": "scatter",
            "mode": "lines+markers",
            "name": "every width" if good else "time of one layer",
            "x": list(steps.channels),
            "y": list(steps.ms),
            "hovertemplate": f"%{{x}} channels: %{{y:.4g}} {unit}<extra></extra>",
            "line": {"color": "var(--base)", "width": 1.5},
            "marker": {"color": "var(--base)", "size": 4},
        }
    ]
    if good:
        data.append(
            {
                "type": "scatter",
                "mode": "markers",
                "name": f"multiples of {steps.multiple}",
                "x": [count for count, _ in good],
                "y": [ms for _, ms in good],
                "hoverinfo": "skip",
                "marker": {"color": "var(--result)", "size": 10, "symbol": "diamond"},
            }
        )
    layout = {
        "xaxis": {"title": {"text": "channels"}, "dtick": 16},
        "yaxis": {"title": {"text": f"{unit} a layer"}, "rangemode": "tozero"},
    }
    return {"data": data, "layout": layout}


def threads_figure(by_threads: Mapping[int, float], own: int, unit: str) -> dict[str, Any]:
    """Time of one network by the count of threads.

    Args:
        by_threads: milliseconds by count.
        own: count of the profile, drawn in the result's colour.
        unit: of the times.
    """
    colours = ["var(--result)" if count == own else "var(--base)" for count in by_threads]
    bars = {
        "type": "bar",
        "x": [str(count) for count in by_threads],
        "y": list(by_threads.values()),
        "width": 0.5,
        "marker": {"color": colours},
        "hovertemplate": f"%{{x}} threads: %{{y:.4g}} {unit}<extra></extra>",
        "showlegend": False,
    }
    layout = {
        "xaxis": {"title": {"text": "threads"}, "type": "category"},
        "yaxis": {"title": {"text": f"{unit} a run"}, "rangemode": "tozero"},
    }
    return {"data": [bars], "layout": layout}

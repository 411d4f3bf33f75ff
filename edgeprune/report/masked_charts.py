"""The charts of a run that pruned single weights."""

from html import escape
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from edgeprune.report.masked import MaskedSummary, MaskedTrial

_COLOURS = ("var(--result)", "var(--random)", "var(--extra-1)")
_ROW_COLOURS = {
    "result": "var(--result)",
    "magnitude": "var(--extra-2)",
    "uniform": "var(--uniform)",
    "random": "var(--random)",
}


def density_figure(summary: "MaskedSummary") -> dict[str, Any]:
    """All trials by the share of weights kept and accuracy, with the finished models."""
    traces: list[dict[str, Any]] = []
    for index, (name, trials) in enumerate(_by_sampler(summary).items()):
        traces.append(
            {
                "type": "scatter",
                "mode": "markers",
                "name": escape(f"{name} trials"),
                "x": [trial.density for trial in trials],
                "y": [trial.accuracy for trial in trials],
                "text": [f"trial {trial.number}" for trial in trials],
                "hovertemplate": "%{text}: %{y:.1%} with %{x:.1%} kept<extra></extra>",
                "marker": {"color": _COLOURS[index % len(_COLOURS)], "size": 7, "opacity": 0.6},
            }
        )
    for row in summary.rows:
        if row.role == "base":
            continue
        traces.append(
            {
                "type": "scatter",
                "mode": "markers",
                "name": escape(f"{row.name}, finished"),
                "x": [row.density],
                "y": [row.accuracy],
                "marker": {
                    "color": _ROW_COLOURS[row.role],
                    "symbol": "star" if row.role == "result" else "diamond",
                    "size": 15 if row.role == "result" else 11,
                    "line": {"color": "var(--card)", "width": 1.5},
                },
            }
        )
    budget = summary.budget.ratio
    line = {"color": "var(--budget)", "width": 1.5, "dash": "dash"}
    layout = {
        "xaxis": {"title": {"text": "share of the weights that is kept"}, "tickformat": ".0%"},
        "yaxis": {"title": {"text": "accuracy"}, "tickformat": ".0%"},
        "shapes": [
            {"type": "line", "yref": "paper", "y0": 0, "y1": 1, "x0": budget, "x1": budget}
            | {"line": line, "layer": "below"}
        ],
    }
    return {"data": traces, "layout": layout}


def progress_figure(summary: "MaskedSummary") -> dict[str, Any]:
    """The best accuracy within the budget after 1, 2, 3, … trials of each search."""
    traces = []
    for index, (name, trials) in enumerate(_by_sampler(summary).items()):
        best: float | None = None
        course = []
        for trial in trials:
            if trial.within:
                best = trial.accuracy if best is None else max(best, trial.accuracy)
            course.append(best)
        traces.append(
            {
                "type": "scatter",
                "mode": "lines",
                "name": escape(name),
                "x": list(range(1, len(course) + 1)),
                "y": course,
                "line": {"shape": "hv", "color": _COLOURS[index % len(_COLOURS)], "width": 2.5},
            }
        )
    layout = {
        "xaxis": {"title": {"text": "trials"}, "rangemode": "tozero"},
        "yaxis": {"title": {"text": "best accuracy so far"}, "tickformat": ".0%"},
    }
    return {"data": traces, "layout": layout}


def _by_sampler(summary: "MaskedSummary") -> "dict[str, list[MaskedTrial]]":
    grouped: dict[str, list[MaskedTrial]] = {}
    for trial in summary.trials:
        grouped.setdefault(trial.sampler, []).append(trial)
    return grouped

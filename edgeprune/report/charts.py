"""The interactive charts, as Plotly figures in plain data.

Colours are written ``var(--name)``: the page's script puts in the style sheet's values, so that
charts follow the reader's light or dark scheme.
"""

from collections.abc import Sequence
from html import escape
from itertools import pairwise
from typing import Any

from edgeprune.report import numbers
from edgeprune.report.course import Clusters
from edgeprune.report.fronts import best_so_far, by_sampler, pareto_front
from edgeprune.report.summary import Role, Row, Summary, Trial

Figure = dict[str, Any]

_SYMBOLS = ("circle", "square", "cross")
_EXTRA_COLOURS = ("var(--extra-1)", "var(--extra-2)", "var(--extra-3)")
_ROLE_COLOURS: dict[Role, str] = {
    "uniform": "var(--uniform)",
    "filled": "var(--filled)",
    "magnitude": "var(--extra-2)",
    "random": "var(--random)",
    "result": "var(--result)",
}
_ROLE_NAMES: dict[Role, str] = {
    "uniform": "uniform-L1, finished",
    "filled": "uniform-L1 filled, finished",
    "magnitude": "global magnitude, finished",
    "random": "random search, finished",
    "result": "result, finished",
}
_HOVER = "%{text}<extra></extra>"


def trials_figure(summary: Summary) -> Figure:
    """All trials by cost and accuracy, with front, budget, finalists and finished models.

    Args:
        summary: with at least one trial.
    """
    trials = summary.trials
    styles = _styles(trials)
    traces = [
        trace
        for name, found in by_sampler(trials).items()
        for trace in _markers(name, found, styles[name], summary)
    ]
    traces.append(_front(pareto_front(trials)))
    if finalists := [trial for trial in trials if trial.finalist]:
        traces.append(_rings(finalists))
    _, result, *baselines = summary.roles
    finished = (*baselines, result)
    traces += [_diamond(role, summary.row(role)) for role in finished]
    costs = [trial.cost for trial in trials] + [summary.row(role).cost for role in finished]
    low, high = min(*costs, summary.budget.ratio), max(*costs, summary.budget.ratio)
    pad = 0.05 * (high - low) or 0.05
    base, channels = summary.row("base"), summary.granularity == "channels"
    limit = numbers.ratio(summary.budget.ratio) if channels else summary.budget.text
    layout = {
        "xaxis": {
            "title": {"text": cost_axis(summary)},
            "range": [low - pad, high + pad],
            **({"ticksuffix": "x"} if channels else {"tickformat": ".0%"}),
        },
        "yaxis": {"title": {"text": summary.judged.name}, "tickformat": ".0%"},
        # The base model itself is far to the right: its accuracy is what matters here.
        "shapes": [*_budget_shapes(summary.budget.ratio, high + pad), _base_shape(base)],
        "annotations": [
            {
                "x": summary.budget.ratio,
                "xanchor": "left",
                "y": 0,
                "yref": "paper",
                "yanchor": "bottom",
                "text": f"over the budget of {limit}",
                "showarrow": False,
                "font": {"color": "var(--budget)"},
            },
            {
                "x": 0,
                "xref": "paper",
                "xanchor": "left",
                "y": base.accuracy,
                "yanchor": "bottom",
                "text": f"base model {numbers.percent(base.accuracy)}" + " at 1x" * channels,
                "showarrow": False,
                "font": {"color": "var(--soft)"},
            },
        ],
    }
    return {"data": traces, "layout": layout}


def cost_axis(summary: Summary) -> str:
    """What the budget is on, as the title of an axis."""
    if summary.granularity == "weights":
        return "share of the weights that is kept"
    return "latency, relative to the base model"


def progress_figure(summary: Summary) -> Figure:
    """The best trial within the budget after 1, 2, 3, … trials of each sampler.

    Where the reward is the accuracy itself, the axis says so. Lines show where clusters of
    groups were untied.

    Args:
        summary: with at least one trial.
    """
    trials = summary.trials
    styles = _styles(trials)
    plain = all(abs(trial.reward - trial.accuracy) < 1e-9 for trial in trials)
    traces = []
    for name, found in by_sampler(trials).items():
        course = best_so_far(found)
        colour, _ = styles[name]
        traces.append(
            {
                "type": "scatter",
                "mode": "lines",
                "name": escape(name),
                "x": list(range(1, len(course) + 1)),
                "y": [None if best is None else best.reward for best in course],
                "text": ["" if best is None else _describe(best, summary) for best in course],
                "hovertemplate": _HOVER,
                "line": {"shape": "hv", "color": colour, "width": 2.5},
            }
        )
    y_axis: dict[str, Any] = {
        "title": {"text": f"best {summary.judged.name} so far" if plain else "best reward"}
    }
    if plain:
        y_axis["tickformat"] = ".0%"
    layout = {"xaxis": {"title": {"text": "trials"}, "rangemode": "tozero"}, "yaxis": y_axis}
    return {"data": traces, "layout": layout | _untied(summary.clusters)}


def estimates_figure(summary: Summary) -> Figure:
    """Every measured candidate: the ratio that was predicted for it over the one measured.

    Args:
        summary: with at least one trial whose prediction is known.
    """
    trials = [trial for trial in summary.trials if trial.predicted is not None]
    styles = _styles(summary.trials)
    traces = [
        {
            "type": "scatter",
            "mode": "markers",
            "name": escape(f"{name} trials"),
            "x": [trial.ratio for trial in found],
            "y": [trial.predicted for trial in found],
            "text": [_describe(trial, summary) for trial in found],
            "hovertemplate": _HOVER,
            "marker": {"color": styles[name][0], "symbol": styles[name][1], "size": 7},
            "error_y": _intervals(found, styles[name][0]),
        }
        for name, found in by_sampler(trials).items()
    ]
    ends = [
        min(min(trial.ratio, trial.predicted or trial.ratio) for trial in trials),
        max(max(trial.ratio, trial.predicted or trial.ratio) for trial in trials),
    ]
    right = {"type": "scatter", "mode": "lines", "name": "predicted = measured", "x": ends}
    line = {"color": "var(--soft)", "width": 1.5, "dash": "dot"}
    traces.append({**right, "y": ends, "hoverinfo": "skip", "line": line})
    layout = {
        "xaxis": {"title": {"text": "measured latency, relative"}, "ticksuffix": "x"},
        "yaxis": {"title": {"text": "predicted"}, "ticksuffix": "x"},
    }
    return {"data": traces, "layout": layout}


def _intervals(trials: Sequence[Trial], colour: str) -> dict[str, Any]:
    """The predictions' intervals as bars; none where they are not known."""
    pairs = [(trial.predicted or trial.ratio, trial.interval) for trial in trials]
    return {
        "type": "data",
        "symmetric": False,
        "array": [ends[1] - middle if ends else 0.0 for middle, ends in pairs],
        "arrayminus": [middle - ends[0] if ends else 0.0 for middle, ends in pairs],
        "color": colour,
        "thickness": 0.8,
        "width": 0,
        "visible": any(ends for _, ends in pairs),
    }


def _untied(stages: Sequence[Clusters]) -> dict[str, Any]:
    """A line where clusters were untied; it stands between two trials."""
    tall = {"type": "line", "yref": "paper", "y0": 0, "y1": 1, "layer": "below"}
    line = {"color": "var(--soft)", "width": 1.5, "dash": "dot"}
    shapes, notes = [], []
    for before, after in pairwise(stages):
        at = after.since + 0.5
        shapes.append({**tall, "x0": at, "x1": at, "line": line})
        text = f"untied: {before.count} → {after.count} clusters"
        place = {"x": at, "xanchor": "left", "y": 0, "yref": "paper", "yanchor": "bottom"}
        font = {"color": "var(--soft)"}
        look = {"showarrow": False, "font": font, "bgcolor": "var(--card)"}
        notes.append({**place, **look, "text": text})
    return {"shapes": shapes, "annotations": notes}


def _styles(trials: Sequence[Trial]) -> dict[str, tuple[str, str]]:
    """A colour and a marker for each sampler; random search looks the same in every report."""
    styles: dict[str, tuple[str, str]] = {}
    colours = ["var(--result)", *_EXTRA_COLOURS]
    names = list(by_sampler(trials))
    # The user's own search may be random search too: then the comparison looks as it always does.
    comparison = next((name for name in names if name.startswith("random (")), "random")
    others = [name for name in names if name != comparison]
    for index, name in enumerate(others):
        styles[name] = (colours[index % len(colours)], _SYMBOLS[index % len(_SYMBOLS)])
    return styles | {comparison: ("var(--random)", "triangle-up")}


def _markers(
    name: str, trials: Sequence[Trial], style: tuple[str, str], summary: Summary
) -> list[dict[str, Any]]:
    """Trials within the budget filled, the others hollow; one entry in the legend for both."""
    colour, symbol = style
    traces: list[dict[str, Any]] = []
    for marker, found in (
        (symbol, [trial for trial in trials if trial.feasible]),
        (f"{symbol}-open", [trial for trial in trials if not trial.feasible]),
    ):
        if not found:
            continue
        traces.append(
            {
                "type": "scatter",
                "mode": "markers",
                "name": escape(f"{name} trials"),
                "legendgroup": escape(name),
                "showlegend": not traces,
                "x": [trial.cost for trial in found],
                "y": [trial.accuracy for trial in found],
                "text": [_describe(trial, summary) for trial in found],
                "hovertemplate": _HOVER,
                "marker": {"color": colour, "symbol": marker, "size": 8, "opacity": 0.7},
            }
        )
    return traces


def _front(front: Sequence[Trial]) -> dict[str, Any]:
    return {
        "type": "scatter",
        "mode": "lines",
        "name": "Pareto front of the trials",
        "x": [trial.cost for trial in front],
        "y": [trial.accuracy for trial in front],
        "hoverinfo": "skip",
        "line": {"shape": "hv", "color": "var(--ink)", "width": 1.5},
    }


def _rings(trials: Sequence[Trial]) -> dict[str, Any]:
    return {
        "type": "scatter",
        "mode": "markers",
        "name": "finalists",
        "x": [trial.cost for trial in trials],
        "y": [trial.accuracy for trial in trials],
        "hoverinfo": "skip",
        "marker": {
            "color": "var(--ink)",
            "symbol": "circle-open",
            "size": 14,
            "line": {"width": 1.5},
        },
    }


def _diamond(role: Role, row: Row) -> dict[str, Any]:
    text = (
        f"<b>{escape(row.name)}</b><br>{numbers.percent(row.accuracy)} on the test split"
        f"<br>{_cost(row, 3)}"
    )
    return {
        "type": "scatter",
        "mode": "markers",
        "name": _ROLE_NAMES[role] if row.density is None else escape(f"{row.name}, finished"),
        "x": [row.cost],
        "y": [row.accuracy],
        "text": [text],
        "hovertemplate": _HOVER,
        "marker": {
            "color": _ROLE_COLOURS[role],
            "symbol": "star" if role == "result" else "diamond",
            "size": 15 if role == "result" else 11,
            "line": {"color": "var(--card)", "width": 1.5},
        },
    }


def _base_shape(base: Row) -> dict[str, Any]:
    return {
        "type": "line",
        "xref": "paper",
        "x0": 0,
        "x1": 1,
        "y0": base.accuracy,
        "y1": base.accuracy,
        "line": {"color": "var(--base)", "width": 1.5, "dash": "dot"},
        "layer": "below",
    }


def _budget_shapes(budget: float, right: float) -> list[dict[str, Any]]:
    tall = {"yref": "paper", "y0": 0, "y1": 1, "layer": "below"}
    over = {"type": "rect", "x0": budget, "x1": right, "fillcolor": "var(--over)"}
    line = {"color": "var(--budget)", "width": 1.5, "dash": "dash"}
    return [
        {**tall, **over, "line": {"width": 0}},
        {**tall, "type": "line", "x0": budget, "x1": budget, "line": line},
    ]


def _describe(trial: Trial, summary: Summary) -> str:
    latency = f" ({numbers.three_digits(trial.latency_ms)} {summary.target.unit})"
    return (
        f"<b>{escape(trial.sampler)}, trial {trial.number}</b>"
        f"<br>{numbers.percent(trial.accuracy)} on the reward split"
        f"<br>{_cost(trial, 3)}{latency if trial.density is None else ''}"
        f"<br>{numbers.count(trial.macs)} MACs, reward {trial.reward:.4g}"
        f"{'' if trial.feasible else '<br>over the budget'}"
    )


def _cost(model: Row | Trial, digits: int) -> str:
    if model.density is None:
        return numbers.ratio(model.ratio, digits)
    return f"{numbers.percent(model.density)} of the weights"

"""The ladder: a finished model for each regime or budget, and the frontier they draw."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any

from pydantic import ConfigDict, Field

from edgeprune.report.fields import Score
from edgeprune.report.fronts import frontier

#: Names and colours of the lines of a frontier.
_METHODS = {
    "result": ("result", "var(--result)"),
    "filled": ("uniform-L1, filled", "var(--filled)"),
    "uniform": ("uniform-L1", "var(--uniform)"),
    "random": ("random search", "var(--random)"),
}


@dataclass(frozen=True)
class Point:
    """A finished model of another method: accuracy on the test split, and what is limited."""

    __pydantic_config__ = ConfigDict(extra="forbid")

    accuracy: Score
    cost: Annotated[float, Field(gt=0)]


@dataclass(frozen=True)
class Rung:
    """One regime's finished model.

    Attributes:
        regime: as a person writes it: ``0.8x`` of the latency, or ``90%`` sparsity.
        path: of its bundle, in the run directory.
        accuracy: of its file on the test split.
        cost: what the regime limits: the latency ratio, or the share of weights that is kept.
        ratio: latency relative to the base model.
        bytes: size of its file.
        parameters: number of weights that are left.
        met: whether the file is within the regime.
        compressed: size of its file after deflate, where known.
        found_by: whose plan it is, where several raced.
        beside: the baselines of the same budget, by role; none where regimes of a search are told.
    """

    __pydantic_config__ = ConfigDict(extra="forbid")

    regime: str
    path: str
    accuracy: Score
    cost: Annotated[float, Field(gt=0)]
    ratio: Annotated[float, Field(gt=0)]
    bytes: Annotated[int, Field(ge=0)]
    parameters: Annotated[int, Field(ge=0)]
    met: bool
    compressed: Annotated[int, Field(ge=0)] | None = None
    found_by: str | None = None
    beside: dict[str, Point] = field(default_factory=dict)


@dataclass(frozen=True)
class Beside:
    """Another finished model, drawn beside the ladder: its name, cost and accuracy."""

    name: str
    cost: float
    accuracy: float


def ladder_figure(
    rungs: Sequence[Rung],
    others: Sequence[Beside],
    axis: str,
    base_accuracy: float,
    score: str = "accuracy",
) -> dict[str, Any]:
    """Accuracy over cost: the frontier of the finished models, and others beside it.

    A rung that another one beats in both cost and accuracy is a point beside the line.

    Args:
        rungs: at least one.
        others: models that the ladder is compared with.
        axis: what cost is.
        base_accuracy: of the unpruned model, drawn as a line.
        score: what accuracy is called.
    """
    best = frontier(rungs, lambda rung: rung.cost)
    line = {
        "type": "scatter",
        "mode": "lines",
        "name": "frontier of the finished models",
        "x": [one.cost for one in best],
        "y": [one.accuracy for one in best],
        "hoverinfo": "skip",
        "line": {"shape": "hv", "color": "var(--ink)", "width": 1.5},
    }
    points = {
        "type": "scatter",
        "mode": "markers+text",
        "name": "ladder",
        "x": [one.cost for one in rungs],
        "y": [one.accuracy for one in rungs],
        "text": [one.regime for one in rungs],
        "textposition": "bottom right",
        "marker": {"color": "var(--result)", "symbol": "star", "size": 13},
    }
    beside = {
        "type": "scatter",
        "mode": "markers",
        "name": "other methods",
        "x": [one.cost for one in others],
        "y": [one.accuracy for one in others],
        "text": [one.name for one in others],
        "hovertemplate": "%{text}: %{y:.1%} at %{x:.3f}<extra></extra>",
        "marker": {"color": "var(--uniform)", "symbol": "diamond", "size": 10},
    }
    return {"data": [line, points, beside], "layout": _layout(axis, base_accuracy, score)}


def frontier_figure(
    rungs: Sequence[Rung], axis: str, base_accuracy: float, score: str = "accuracy"
) -> dict[str, Any]:
    """Accuracy over measured latency, a line each for the result and the baselines.

    Args:
        rungs: one a budget.
        axis: what cost is.
        base_accuracy: of the unpruned model, drawn as a line.
        score: what accuracy is called.
    """
    traces = []
    for role, (name, colour) in _METHODS.items():
        found = [(rung, rung if role == "result" else rung.beside.get(role)) for rung in rungs]
        known = sorted(
            ((rung, one) for rung, one in found if one is not None), key=lambda pair: pair[1].cost
        )
        is_result = role == "result"
        traces.append(
            {
                "type": "scatter",
                "mode": "lines+markers+text" if is_result else "lines+markers",
                "name": name,
                "x": [one.cost for _, one in known],
                "y": [one.accuracy for _, one in known],
                "text": [rung.regime for rung, _ in known],
                "textposition": "top left",
                "hovertemplate": f"{name}, budget %{{text}}: %{{y:.1%}} at %{{x:.3f}}x"
                "<extra></extra>",
                "line": {"color": colour, "width": 2.5 if is_result else 1.5},
                "marker": {
                    "color": colour,
                    "symbol": "star" if is_result else "diamond",
                    "size": 13 if is_result else 8,
                },
            }
        )
    layout = _layout(axis, base_accuracy, score)
    # What lies between the points is what is to be seen.
    layout["xaxis"] = {"title": {"text": axis}, "ticksuffix": "x"}
    return {"data": traces, "layout": layout}


def _layout(axis: str, base_accuracy: float, score: str) -> dict[str, Any]:
    return {
        "xaxis": {"title": {"text": axis}, "rangemode": "tozero"},
        "yaxis": {"title": {"text": f"test {score}, fine-tuned"}, "tickformat": ".3~p"},
        "shapes": [
            {
                "type": "line",
                "xref": "paper",
                "x0": 0,
                "x1": 1,
                "y0": base_accuracy,
                "y1": base_accuracy,
                "line": {"color": "var(--base)", "width": 1.5, "dash": "dot"},
                "layer": "below",
            }
        ],
    }

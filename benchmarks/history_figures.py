"""Figures and plot of `benchmarks/history.py`, from the running bests of its searches."""

import statistics
from pathlib import Path
from typing import Any

import numpy as np
import plotly.colors
from plotly.subplots import make_subplots

#: How far from uniform's reward to the cold searches' final best a search has to get.
WAY = 0.95
#: Running bests by row (``SOURCE:TARGET:BUDGET``), arm and seed.
Curves = dict[str, dict[str, dict[int, list[float]]]]
#: Figures with names of their own.
_SPEEDUPS = {"shipped": "history_speedup_{row}", "transfer": "transfer_alone_speedup_{row}"}
_CONTROLS = ("shuffled", "inverted")


def goal_of(cold: list[list[float]], given: int) -> float:
    """95 % of the way from the best given plan's reward to the median of the cold searches' best.

    Args:
        cold: running bests of the cold searches, which all begin with the same plans.
        given: how many those are.
    """
    start = cold[0][given - 1]
    return start + WAY * (statistics.median(curve[-1] for curve in cold) - start)


def trials_to(curve: list[float], goal: float, trials: int) -> int:
    """Trials until a running best is there; one more than there are if it never is."""
    return next((place for place, best in enumerate(curve, 1) if best >= goal), trials + 1)


def summary(
    curves: Curves,
    rows: list[str],
    wanted: tuple[str, ...],
    trials: int,
    seeds: range,
    given: int,
) -> dict[str, Any]:
    """Figures of all arms that have all their seeds; what lacks some is in ``missing``.

    Args:
        curves: of the searches so far.
        rows: all that there should be.
        wanted: all arms that there should be, without cold.
        trials: of one search.
        seeds: of each arm.
        given: plans that every search begins with.
    """
    figures: dict[str, float] = {"trials": trials, "seeds": len(seeds)}
    lines: dict[str, Any] = {}
    for row, arms in curves.items():
        whole = {arm: found for arm, found in arms.items() if len(found) == len(seeds)}
        goal = goal_of([arms["cold"][seed] for seed in seeds], given)
        counts = {
            arm: [trials_to(found[seed], goal, trials) for seed in seeds]
            for arm, found in whole.items()
        }
        figures |= _row_figures(name_of(row), whole, counts)
        first = arms["cold"][seeds[0]][given - 1]
        lines[row] = {"goal": goal, "start": first, "trials": counts}
    speedups = [figures.get(f"history_speedup_{name_of(row)}") for row in curves]
    if found := [one for one in speedups if one is not None]:
        figures["history_speedup_min"] = min(found)
    for kind in _CONTROLS:
        ends = [figures.get(f"speedup_{name_of(row)}_{kind}") for row in curves]
        if found := [one for one in ends if one is not None]:
            name = "negative_control" + ("" if kind == "shuffled" else f"_{kind}")
            figures[name] = round(statistics.median(found), 3)
    figures["source_trials"] = trials * min(2, len(seeds))
    missing = [
        f"{row} {arm}"
        for row in rows
        for arm in wanted
        if len(curves.get(row, {}).get(arm, {})) < len(seeds)
    ]
    return {"benchmark": "history", "figures": figures, "rows": lines, "missing": missing}


def _row_figures(
    name: str, arms: dict[str, dict[int, list[float]]], counts: dict[str, list[int]]
) -> dict[str, float]:
    cold = statistics.median(counts["cold"])
    figures = {
        _SPEEDUPS.get(arm, "speedup_{row}_{arm}").format(row=name, arm=arm): round(
            cold / statistics.median(found), 3
        )
        for arm, found in counts.items()
        if arm != "cold"
    }
    if "shipped" in arms:
        ends = {
            arm: statistics.median(curve[-1] for curve in arms[arm].values())
            for arm in ("shipped", "cold")
        }
        figures[f"better_best_{name}"] = round(ends["shipped"] - ends["cold"], 4)
    return figures


def draw(curves: Curves, path: Path, trials: int, given: int) -> None:
    """The running best of every arm, medians over the seeds, one panel a row.

    Arms other than cold and shipped are drawn until their last seed is there: they end at the goal.
    """
    columns = min(2, len(curves))
    figure = make_subplots(-(-len(curves) // columns), columns, subplot_titles=list(curves))
    arms = list(dict.fromkeys(arm for found in curves.values() for arm in found))
    colours = dict(zip(arms, plotly.colors.qualitative.Dark24, strict=False))
    shown: set[str] = set()
    for place, found in enumerate(curves.values()):
        row, column = place // columns + 1, place % columns + 1
        for arm, seeds in found.items():
            longest = max(len(curve) for curve in seeds.values())
            padded = [curve + [curve[-1]] * (longest - len(curve)) for curve in seeds.values()]
            figure.add_scatter(
                x=list(range(1, longest + 1)),
                y=np.median(np.array(padded), axis=0).tolist(),
                name=arm,
                legendgroup=arm,
                showlegend=arm not in shown,
                line={"color": colours[arm], "width": 3 if arm in ("cold", "shipped") else 1.5},
                row=row,
                col=column,
            )
            shown.add(arm)
        goal = goal_of(list(found["cold"].values()), given)
        figure.add_hline(goal, line_dash="dot", line_color="grey", row=row, col=column)
    figure.update_xaxes(title_text="trials", range=[1, trials])
    figure.update_yaxes(title_text="best reward so far")
    figure.update_layout(height=420 * -(-len(curves) // columns), title="Medians over the seeds")
    figure.write_html(path, include_plotlyjs=True)


def name_of(row: str) -> str:
    """A row as part of a figure's name."""
    return row.replace(":", "_to_", 1).replace(":", "_")


def parts_of(row: str) -> tuple[str, str, float]:
    """Source, target and budget of a row."""
    source, target, budget = row.split(":")
    return source, target, float(budget)

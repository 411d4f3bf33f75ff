"""Putting a summary into the page's templates."""

import shlex
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from edgeprune.files import write_atomic
from edgeprune.report import numbers
from edgeprune.report.boards import boards_sentence
from edgeprune.report.charts import cost_axis, estimates_figure, progress_figure, trials_figure
from edgeprune.report.classes import classes_sentence, most_changed
from edgeprune.report.curves import curves_figure, curves_sentences
from edgeprune.report.joint_charts import joint_figures
from edgeprune.report.ladder import Beside, frontier_figure, ladder_figure
from edgeprune.report.layer_lines import closing_sentence, layer_lines
from edgeprune.report.past import past_sentences
from edgeprune.report.plotly_source import packed_plotly
from edgeprune.report.race import race_rungs, race_sentences
from edgeprune.report.sentences import (
    accuracy_interval,
    clusters_sentence,
    estimator_sentence,
    headline,
    latency_sentence,
    loss_warning,
    result_ratio,
    verdicts,
)
from edgeprune.report.summary import Summary

_TEMPLATES = Path(__file__).parent / "templates"

#: What lies beside every page.
_FILES = (
    "model.onnx",
    "weights.safetensors",
    "plan.json",
    "manifest.json",
    "pipeline.yaml",
    "log.txt",
)
#: What the steps of a trial are called on the page.
_STEPS = {
    "propose": "propose widths",
    "candidate": "make the candidate",
    "recover": "recover accuracy",
    "retrain": "train a little",
    "accuracy": "score accuracy",
    "latency": "measure latency",
}


def render(summary: Summary) -> str:
    """One self-contained page: it loads nothing, from the network or from beside it.

    Args:
        summary: what the page shows; checked again, so one built by hand is held to the same.

    Returns:
        The HTML text.

    Raises:
        RunError: the summary is incomplete or impossible, for example has no uniform-L1 row.
    """
    summary = Summary.from_json(summary.to_json())
    return environment().get_template("page.html.j2").render(_context(summary))


def write_report(summary: Summary, path: str | Path) -> Path:
    """Write the page, whole or not at all.

    Args:
        summary: what the page shows.
        path: of the HTML file; its folder exists.

    Returns:
        The path.

    Raises:
        RunError: the summary is incomplete or impossible.
        OSError: the disk is full or the folder cannot be written.
    """
    path = Path(path)
    write_atomic(path, render(summary).encode())
    return path


def _context(summary: Summary) -> dict[str, Any]:
    base, result = summary.row("base"), summary.row("result")
    lines = layer_lines(summary.layers, summary.groups)
    weighted = [line for line in lines if line.layer.before_channels is not None]
    free = [group for group in summary.groups if group.fixed is None]
    steps = {_STEPS.get(name, name): value for name, value in summary.seconds.items()}
    charts = {}
    if summary.trials:
        charts = {"trials": trials_figure(summary), "progress": progress_figure(summary)}
    if any(trial.predicted is not None for trial in summary.trials):
        charts["estimates"] = estimates_figure(summary)
    if summary.ladder:
        charts["ladder"] = _ladder(summary)
    if summary.joint:
        charts |= joint_figures(summary)
    if summary.curves:
        charts["curves"] = curves_figure(summary.curves)
    return {
        "summary": summary,
        "weights": summary.granularity == "weights",
        "unit": summary.target.unit,
        "base": base,
        "result": result,
        "headline": headline(summary),
        "result_ratio": result_ratio(summary),
        "latency_pair": numbers.alike(base.median_ms, result.median_ms),
        "latency_sentence": latency_sentence(summary),
        "loss_warning": loss_warning(
            *(base.accuracy, result.accuracy, summary.verification.images), summary.judged
        ),
        "verdicts": verdicts(summary),
        "estimator_sentence": estimator_sentence(summary),
        "clusters": summary.clusters[0].members if summary.clusters else [],
        "clusters_sentence": clusters_sentence(summary),
        "past": past_sentences(summary.past),
        "ladder": summary.ladder,
        "race_rungs": race_rungs(summary.race),
        "race_sentences": race_sentences(summary.race),
        "curves_sentences": curves_sentences(summary.curves) if summary.curves else [],
        "classes_shown": most_changed(summary.classes),
        "classes_sentence": classes_sentence(summary.classes, summary.judged.of)
        if summary.classes
        else "",
        "boards_sentence": boards_sentence(summary.boards),
        "run_dir": shlex.quote(summary.directory),
        "files": [*_FILES, *(one.path for one in summary.artifacts if one.kept)],
        "charts": charts,
        "plotly": packed_plotly() if charts else "",
        "free": free,
        "widest": max((group.before for group in free), default=1),
        "fixed": [group for group in summary.groups if group.fixed is not None],
        "layers": weighted or lines,
        "other_layers": [line for line in lines if line not in weighted] if weighted else [],
        "longest_ms": max(
            (ms for line in lines for ms in (line.layer.before_ms, line.layer.after_ms) if ms),
            default=1.0,
        ),
        "layers_sentence": closing_sentence(lines, summary.target.unit) if lines else "",
        "steps": steps,
        "steps_total": sum(steps.values()),
    }


def _ladder(summary: Summary) -> dict[str, Any]:
    axis, accuracy = cost_axis(summary), summary.row("base").accuracy
    if summary.frontier:
        return frontier_figure(summary.ladder, axis, accuracy, summary.judged.name)
    beside = [
        Beside(row.name, row.cost, row.accuracy) for row in map(summary.row, summary.roles[2:])
    ]
    return ladder_figure(summary.ladder, beside, axis, accuracy, summary.judged.name)


@cache
def environment() -> Environment:
    """The templates: escaping, formats of numbers, style sheet and script."""
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    for name in ("ratio", "three_digits", "percent", "points", "count", "size", "seconds"):
        environment.filters[name] = getattr(numbers, name)
    environment.globals["accuracy_interval"] = accuracy_interval
    # Our own style sheet and script are the only texts that are not escaped.
    environment.globals["style"] = Markup((_TEMPLATES / "style.css").read_text("utf-8"))
    environment.globals["script"] = Markup((_TEMPLATES / "charts.js").read_text("utf-8"))
    return environment

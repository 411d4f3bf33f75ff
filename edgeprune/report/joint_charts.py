"""The figures of training and pruning together."""

from typing import Any

from edgeprune.report.course import JointEpoch
from edgeprune.report.summary import Summary

Figure = dict[str, Any]


def joint_figures(summary: Summary) -> dict[str, Figure]:
    """Accuracy over epochs, and what pulls the network towards its structure.

    Args:
        summary: with at least one epoch in ``joint``.
    """
    epochs = summary.joint
    accuracy = [
        _line("whole network", "var(--soft)", epochs, "dense"),
        _line("pruned", "var(--result)", epochs, "pruned"),
        _line("tried by the agent, mean", "var(--extra-1)", epochs, "tried"),
    ]
    pull = [
        _line("norm of the weights to be cut", "var(--result)", epochs, "to_cut"),
        {**_line("decoder error", "var(--extra-1)", epochs, "decoder_error"), "yaxis": "y2"},
    ]
    right = {
        "title": {"text": "decoder error"},
        "overlaying": "y",
        "side": "right",
        "automargin": True,
    }
    return {
        "joint": _figure(accuracy, {"title": {"text": "accuracy"}, "tickformat": ".0%"}),
        "pull": _figure(pull, {"title": {"text": "norm"}, "rangemode": "tozero"}, yaxis2=right),
    }


def _figure(traces: list[dict[str, Any]], y_axis: dict[str, Any], **more: Any) -> Figure:
    layout = {"xaxis": {"title": {"text": "epoch"}, "rangemode": "tozero"}, "yaxis": y_axis, **more}
    return {"data": traces, "layout": layout}


def _line(name: str, colour: str, epochs: tuple[JointEpoch, ...], value: str) -> dict[str, Any]:
    known = [one for one in epochs if getattr(one, value) is not None]
    return {
        "type": "scatter",
        "mode": "lines+markers",
        "name": name,
        "x": [one.epoch + 1 for one in known],
        "y": [getattr(one, value) for one in known],
        "line": {"color": colour, "width": 2},
    }

from typing import Any

import plotly.graph_objects as go
import pytest

from edgeprune.report import Summary
from edgeprune.report.charts import estimates_figure, progress_figure, trials_figure
from edgeprune.report.sentences import estimator_sentence
from tests.report.sample import sample, summary


def _paint(value: Any) -> Any:
    """Plotly's own check knows no CSS variables."""
    if isinstance(value, str) and value.startswith("var("):
        return "#123456"
    if isinstance(value, dict):
        return {key: _paint(item) for key, item in value.items()}
    return [_paint(item) for item in value] if isinstance(value, list) else value


def _trace(figure: dict[str, Any], name: str) -> dict[str, Any]:
    return next(trace for trace in figure["data"] if trace["name"] == name)


@pytest.mark.parametrize("make", [trials_figure, progress_figure])
def test_plotly_accepts_the_figure(make: Any) -> None:
    go.Figure(_paint(make(summary())))


def test_scatter_holds_every_trial_once() -> None:
    figure = trials_figure(summary())
    shown = [
        point
        for trace in figure["data"]
        if "legendgroup" in trace
        for point in zip(trace["x"], trace["y"], strict=True)
    ]
    assert sorted(shown) == sorted((trial.ratio, trial.accuracy) for trial in summary().trials)


def test_trials_over_the_budget_are_hollow() -> None:
    for trace in trials_figure(summary())["data"]:
        if "legendgroup" in trace:
            hollow = trace["marker"]["symbol"].endswith("-open")
            assert all((ratio > 0.5) == hollow for ratio in trace["x"])


def test_budget_front_finalists_and_finished_models_are_marked() -> None:
    figure = trials_figure(summary())
    assert any(
        shape["type"] == "line" and shape["x0"] == shape["x1"] == 0.5
        for shape in figure["layout"]["shapes"]
    )
    front = _trace(figure, "Pareto front of the trials")
    assert front["x"] == sorted(front["x"]) and front["y"] == sorted(front["y"])
    finalists = [trial for trial in summary().trials if trial.finalist]
    assert _trace(figure, "finalists")["x"] == [trial.ratio for trial in finalists]
    assert _trace(figure, "result, finished")["x"] == [summary().row("result").ratio]
    assert _trace(figure, "uniform-L1, finished")["y"] == [0.974]


def test_budget_is_in_view_even_when_every_trial_misses_it() -> None:
    data = sample()
    data["budget"] = {"text": "0.1x", "ratio": 0.1, "met": False}
    low, high = trials_figure(Summary.from_json(data))["layout"]["xaxis"]["range"]
    assert low < 0.1 < high


def test_one_curve_a_sampler() -> None:
    figure = progress_figure(summary())
    assert [trace["name"] for trace in figure["data"]] == ["amc", "random"]
    for trace in figure["data"]:
        heights = [height for height in trace["y"] if height is not None]
        assert len(trace["x"]) == 80 and heights == sorted(heights)
    assert figure["layout"]["yaxis"]["title"]["text"] == "best accuracy so far"


def test_another_reward_is_called_reward() -> None:
    data = sample()
    data["trials"][0]["reward"] = -3.5
    axis = progress_figure(Summary.from_json(data))["layout"]["yaxis"]
    assert axis["title"]["text"] == "best reward" and "tickformat" not in axis


def test_names_are_text_in_plotly_s_markup() -> None:
    data = sample()
    for trial in data["trials"]:
        trial["sampler"] = "<b>mine</b>"
    trace = trials_figure(Summary.from_json(data))["data"][0]
    assert trace["name"] == "&lt;b&gt;mine&lt;/b&gt; trials"
    assert "&lt;b&gt;mine" in trace["text"][0]


def test_predictions_are_drawn_over_what_was_measured() -> None:
    data = sample()
    for trial in data["trials"][:10]:
        trial["predicted"] = trial["ratio"] * 1.02
    found = Summary.from_json(data)
    figure = estimates_figure(found)
    go.Figure(_paint(figure))
    points = _trace(figure, "amc trials")
    assert points["y"] == pytest.approx([1.02 * ratio for ratio in points["x"]])
    assert len(points["x"]) == 10
    assert "half of the 10 predictions were within 2.0%, the worst was off by 2.0%" in (
        estimator_sentence(found)
    )


def test_intervals_are_drawn_and_counted() -> None:
    data = sample()
    for number, trial in enumerate(data["trials"][:10]):
        trial["predicted"] = trial["ratio"] * 1.02
        ends = (0.98, 1.06) if number else (1.01, 1.06)  # the first one does not hold
        trial["interval"] = [trial["ratio"] * end for end in ends]
    found = Summary.from_json(data)
    figure = estimates_figure(found)
    go.Figure(_paint(figure))
    bars = _trace(figure, "amc trials")["error_y"]
    assert bars["visible"] and min(bars["array"]) > 0 and min(bars["arrayminus"]) > 0
    assert "Of the 10 intervals that were to hold 95 % of them, 9 held." in (
        estimator_sentence(found)
    )


def test_without_predictions_nothing_is_said() -> None:
    assert estimator_sentence(summary()) == ""

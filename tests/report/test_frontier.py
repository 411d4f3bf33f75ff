from typing import Any

from edgeprune.report import Summary, render
from edgeprune.report.ladder import frontier_figure
from tests.report.sample import sample


def _rung(budget: str, accuracy: float, cost: float, path: str, **more: Any) -> dict[str, Any]:
    beside = {
        role: {"accuracy": accuracy - less, "cost": cost * 0.99}
        for role, less in (("uniform", 0.03), ("filled", 0.02), ("random", 0.01))
    }
    rung = {"regime": budget, "path": path, "accuracy": accuracy, "cost": cost, "ratio": cost}
    rung |= {"bytes": 1000, "parameters": 200, "met": True, "found_by": "amc trial 3"}
    return {**rung, "beside": beside, **more}


def _summary() -> Summary:
    ladder = [
        _rung("0.7x", 0.98, 0.69, "ladder/latency-0.7x"),
        _rung("0.5x", 0.97, 0.49, ".", met=False, found_by="uniform-L1"),
    ]
    return Summary.from_json({**sample(), "ladder": ladder})


def test_one_line_for_the_result_and_each_baseline() -> None:
    figure = frontier_figure(_summary().ladder, "latency", 0.99)
    lines = {trace["name"]: trace for trace in figure["data"]}
    assert list(lines) == ["result", "uniform-L1, filled", "uniform-L1", "random search"]
    assert lines["result"]["x"] == [0.49, 0.69] and lines["result"]["y"] == [0.97, 0.98]
    assert lines["result"]["text"] == ["0.5x", "0.7x"]
    assert lines["uniform-L1"]["y"] == [0.97 - 0.03, 0.98 - 0.03]


def test_the_page_lets_a_person_pick_a_point() -> None:
    page = render(_summary())
    assert "The frontier: pick a point" in page and "The ladder" not in page
    assert "ladder/latency-0.7x" in page and "this folder" in page
    assert "0.5x (missed)" in page and "uniform-L1</td>" in page
    assert "is about 0.5x, whose bundle" in page


def test_regimes_of_one_search_stay_a_ladder() -> None:
    ladder = [_rung("0.7x", 0.98, 0.69, "ladder/latency-0.7x", beside={}, found_by=None)]
    page = render(Summary.from_json({**sample(), "ladder": ladder}))
    assert "The ladder" in page and "pick a point" not in page

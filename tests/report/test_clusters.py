"""Clusters on the page, and the moment they were untied."""

from typing import Any

import plotly.graph_objects as go
import pytest

from edgeprune.errors import RunError
from edgeprune.report import Summary, render
from edgeprune.report.charts import progress_figure
from edgeprune.report.sentences import clusters_sentence
from tests.report.sample import sample, summary

NAMES = [group["name"] for group in sample()["groups"] if group["fixed"] is None]


def _stage(since: int, count: int) -> dict[str, Any]:
    return {"since": since, "groups": {name: index % count for index, name in enumerate(NAMES)}}


def _with(*stages: dict[str, Any]) -> Summary:
    return Summary.from_json(sample() | {"clusters": list(stages)})


def test_a_line_stands_where_clusters_were_untied() -> None:
    layout = progress_figure(_with(_stage(0, 2), _stage(32, 3), _stage(60, len(NAMES))))["layout"]
    assert [shape["x0"] for shape in layout["shapes"]] == [32.5, 60.5]
    assert [note["text"] for note in layout["annotations"]] == [
        "untied: 2 → 3 clusters",
        f"untied: 3 → {len(NAMES)} clusters",
    ]
    for note in layout["annotations"]:
        del note["font"], note["bgcolor"]  # CSS variables, which only the page knows
    for shape in layout["shapes"]:
        del shape["line"]
    go.Figure(layout={key: layout[key] for key in ("shapes", "annotations")})


def test_other_samplers_have_no_lines_and_no_list() -> None:
    assert progress_figure(summary())["layout"]["shapes"] == []
    assert clusters_sentence(summary()) == ""
    assert "one keep ratio in common" not in render(summary())


def test_the_page_lists_clusters_of_several_groups() -> None:
    page = render(_with(_stage(0, 2), _stage(32, len(NAMES))))
    assert f"<li>{', '.join(NAMES[::2])}</li>" in page
    assert f"<li>{', '.join(NAMES[1::2])}</li>" in page
    assert f"{len(NAMES)} groups made 2 variables; there were {len(NAMES)} from trial 32" in page


def test_clusters_that_were_never_untied_say_so() -> None:
    assert clusters_sentence(_with(_stage(0, 2))).endswith("2 variables all the time.")


def test_a_misspelt_cluster_is_refused() -> None:
    with pytest.raises(RunError, match="since"):
        _with({"sinse": 0, "groups": {}})

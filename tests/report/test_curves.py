import json
from typing import Any

import pytest

from edgeprune.errors import RunError
from edgeprune.report import Summary, render
from edgeprune.report.curves import curves_figure, curves_sentences
from tests.report.sample import sample

CHOICES = [0, 4, 8, 16]


def _curves(count: int = 7, **changes: Any) -> dict[str, Any]:
    names = [f"layer{index}<b>" for index in range(count)]
    return {
        "losses": {name: [2.0, 1.5, 0.1 * (index + 1), 0.0] for index, name in enumerate(names)},
        "choices": dict.fromkeys(names, CHOICES),
        "seconds": 28.0,
        "images": 512,
        "warnings": [],
        **changes,
    }


def _summary(curves: dict[str, Any]) -> Summary:
    return Summary.from_json({**sample(), "curves": curves})


def test_one_line_a_group_over_the_share_it_keeps() -> None:
    curves = _summary(_curves()).curves
    assert curves is not None
    figure = curves_figure(curves)
    assert len(figure["data"]) == 7
    first = figure["data"][0]
    assert first["x"] == [0, 0.25, 0.5, 1.0] and first["y"] == [2.0, 1.5, 0.1, 0.0]
    assert first["text"][1] == "layer0&lt;b&gt;: 4 of 16"


def test_only_measured_widths_have_a_dot() -> None:
    measured = {"layer1<b>": {"0": 2.0, "8": 0.2, "16": 0.0}}  # as JSON has it
    curves = _summary(_curves(measured=measured)).curves
    assert curves is not None
    figure = curves_figure(curves)
    assert figure["data"][1]["marker"]["size"] == [5, 0, 5, 5]
    assert figure["data"][0]["marker"]["size"] == [5, 5, 5, 5]


def test_names_the_groups_to_cut_and_to_spare() -> None:
    curves = _summary(_curves(warnings=["layer3 is dead"])).curves
    assert curves is not None
    measured, ranked, warning = curves_sentences(curves)
    assert measured == "7 groups on 512 training images, in 28.0 s."
    assert ranked == (
        "Halving hurts most in layer6<b>, layer5<b>, layer4<b>; "
        "least in layer0<b>, layer1<b>, layer2<b>."
    )
    assert warning == "layer3 is dead"


def test_a_loss_that_is_not_finite_is_a_gap() -> None:
    made = _curves(2)
    made["losses"]["layer0<b>"][1] = float("nan")
    made["losses"]["layer1<b>"][2] = float("inf")
    curves = _summary(json.loads(json.dumps(made))).curves
    assert curves is not None
    assert curves.losses["layer0<b>"][1] is None and curves.losses["layer1<b>"][2] is None
    assert len(curves_sentences(curves)) == 1
    page = render(_summary(made))
    assert "What cutting each group costs" in page and "NaN" not in page.split("plotly-packed")[0]


def test_impossible_curves_are_refused() -> None:
    with pytest.raises(RunError, match=r"curves\.losses"):
        _summary(_curves(losses={"layer0<b>": ["much"]}))


def test_a_run_without_curves_has_no_section() -> None:
    assert "What cutting each group costs" not in render(Summary.from_json(sample()))

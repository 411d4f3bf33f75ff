from typing import Any

import pytest

from edgeprune.report import Summary
from edgeprune.report.page import render
from edgeprune.report.sentences import accuracy_interval, headline, loss_warning, verdicts
from tests.report.sample import sample

MINUS = "\N{MINUS SIGN}"


def _with_row(role: str, **changes: Any) -> Summary:
    data = sample()
    for row in data["rows"]:
        if row["role"] == role:
            row.update(changes)
    return Summary.from_json(data)


def test_headline_of_a_met_budget() -> None:
    assert headline(Summary.from_json(sample())) == (
        f"0.49x the latency (1.21 → 0.59 ms) for {MINUS}0.3 points of accuracy; budget 0.5x met"
    )


def test_headline_of_equal_accuracy() -> None:
    assert "at the same accuracy; " in headline(_with_row("result", accuracy=0.983))


def test_a_narrowly_missed_budget_does_not_look_met() -> None:
    data = sample()
    data["budget"]["met"] = False
    data["rows"][1]["ratio"] = 0.5021
    text = headline(Summary.from_json(data))
    assert text.startswith("0.502x the latency")
    assert text.endswith("budget 0.5x missed")


@pytest.mark.parametrize(
    ("accuracy", "outcome"),
    [
        (0.974, "0.6 points worse than the result."),
        (0.990, "1.0 point better than the result."),
        (0.980, "as accurate as the result."),
    ],
)
def test_the_comparison_is_honest_about_who_wins(accuracy: float, outcome: str) -> None:
    sentence = verdicts(_with_row("uniform", accuracy=accuracy))[0]
    assert sentence.startswith("Uniform-L1 reaches ")
    assert "at the same latency (0.49x)" in sentence
    assert sentence.endswith(outcome)


def test_other_latency_is_not_called_the_same() -> None:
    sentence = verdicts(_with_row("random", ratio=0.55))[2]
    assert "Random search with 80 trials" in sentence
    assert "at 13% more latency (0.55x)" in sentence
    assert "same latency" not in sentence


def test_says_what_one_test_image_is_worth() -> None:
    assert "360 test images: one image is worth 0.28 points" in verdicts(_with_row("base"))[3]
    assert "below about 2.0 points can be chance" in verdicts(_with_row("base"))[3]


def test_wilson_interval() -> None:
    # Brown, Cai and DasGupta (2001) and every table: 8 of 10 gives 0.490 to 0.943.
    low, high = accuracy_interval(0.8, 10)
    assert (round(low, 3), round(high, 3)) == (0.490, 0.943)
    assert accuracy_interval(1.0, 100)[1] == 1.0
    assert accuracy_interval(0.0, 100)[0] == 0.0


@pytest.mark.parametrize(
    ("before", "after", "images", "told"),
    [
        (0.95, 0.89, 2000, True),
        (0.95, 0.91, 2000, False),  # 4 points are a choice
        (0.95, 0.89, 40, False),  # chance
        (0.30, 0.30, 2000, False),
        (0.30, 0.90, 2000, False),
    ],
)
def test_a_ruined_network_is_no_success(
    before: float, after: float, images: int, told: bool
) -> None:
    text = loss_warning(before, after, images)
    assert bool(text) == told
    assert not told or "89.0% right where the base model gets 95.0%" in text


def test_the_page_warns_where_much_is_lost() -> None:
    assert "Much accuracy is lost" in render(_with_row("result", accuracy=0.7))
    assert "Much accuracy is lost" not in render(Summary.from_json(sample()))

import json
from typing import Any

import pytest

from edgeprune.report import Summary, render
from edgeprune.report.race import race_rungs, race_sentences
from edgeprune.report.sentences import verdicts
from tests.report.sample import sample


def _raced(name: str, *scores: float, **more: Any) -> dict[str, Any]:
    rungs = (2, 4, 8)[: max(1, len(scores))]
    return {
        "name": "search-1",
        "found_by": name,
        "reward_accuracy": dict(zip(rungs, scores, strict=False)),
        "epochs": rungs[-1],
        "seconds": 5.0 * rungs[-1],
        "dropped_after": rungs[-1] if len(scores) < 3 else None,
        **more,
    }


def _race(winner: str) -> list[dict[str, Any]]:
    best = {winner: 0.98}
    race = [
        _raced("amc trial 12", 0.9, 0.94, best.get("amc trial 12", 0.96)),
        _raced("amc trial 3", 0.89, 0.91),
        _raced("amc trial 5", 0.8),
        _raced("uniform-L1, filled", 0.9, 0.93, best.get("uniform-L1, filled", 0.95)),
        _raced("random trial 7", 0.9, 0.93, 0.95),
    ]
    race[3] |= {"roles": ["filled", "uniform"], "name": "baseline"}
    race[4] |= {"roles": ["random"], "name": "baseline"}
    for one in race:
        one["chosen"] = one["found_by"] == winner
    return race


def _summary(winner: str, **changes: Any) -> Summary:
    return Summary.from_json({**sample(), "race": _race(winner), **changes})


def test_says_who_won_and_what_it_cost() -> None:
    first, second = race_sentences(_summary("amc trial 12").race)
    assert (
        first == "The result is amc trial 12: it is the most accurate on the reward split, 98.0%."
    )
    assert second.startswith(
        "5 contenders were fine-tuned along one schedule. After 2 and 4 epochs"
    )
    assert second.endswith("This took 30 epochs of training, 2.50 min.")


def test_a_baseline_that_won_is_called_one() -> None:
    found = _summary("uniform-L1, filled")
    first = race_sentences(found.race)[0]
    assert first.startswith("No trial of the search did better than a baseline")
    assert "uniform-L1, filled, with 98.0% on the reward split" in first
    plain, filled, random, _ = verdicts(found)
    assert plain.endswith("its plan is the result.")
    assert filled.endswith("its plan is the result.")
    assert random.endswith("worse than the result.")


def test_a_plan_that_the_search_found_too_is_not_only_the_baselines() -> None:
    race = _race("uniform-L1, filled")
    race[3] |= {"name": "search-0", "found_by": "amc trial 0 = uniform-L1, filled"}
    first = race_sentences(Summary.from_json({**sample(), "race": race}).race)[0]
    assert first.startswith("The result is amc trial 0 = uniform-L1, filled: it is the most")


def test_better_contenders_over_the_budget_are_mentioned() -> None:
    race = _race("amc trial 12")
    race[0]["reward_accuracy"][8] = 0.94
    first = race_sentences(Summary.from_json({**sample(), "race": race}).race)[0]
    assert first.endswith("the files of better contenders did not meet the budget.")


def test_a_race_without_training() -> None:
    untrained = {"reward_accuracy": {0: 0.7}, "epochs": 0, "seconds": 0.1, "dropped_after": None}
    race = [
        _raced("amc trial 1", **untrained, chosen=True),
        _raced("uniform-L1", **untrained | {"reward_accuracy": {0: 0.6}}),
    ]
    found = Summary.from_json({**sample(), "race": race})
    assert race_rungs(found.race) == [0]
    assert race_sentences(found.race)[1] == (
        "2 contenders were compared as they are, without fine-tuning."
    )
    assert "before tuning" in render(found)


def test_the_page_shows_every_contender_and_its_end() -> None:
    page = render(_summary("amc trial 12"))
    assert "How the result was chosen" in page
    assert "dropped after 4" in page and "dropped after 2" in page and "ran to the end" in page
    assert "How the result was chosen" not in render(Summary.from_json(sample()))


def test_survives_a_json_file() -> None:
    first = _summary("amc trial 12")
    assert Summary.from_json(json.loads(json.dumps(first.to_json()))) == first


@pytest.mark.parametrize("name", ["amc trial 12", "uniform-L1, filled"])
def test_exactly_one_row_is_marked(name: str) -> None:
    section = render(_summary(name)).split("How the result was chosen")[1].split("</section>")[0]
    assert section.count('class="result"') == 1 and section.count("the result<") == 1


def test_who_was_set_aside_is_told_with_the_reason_and_did_not_miss_the_budget() -> None:
    race = _race("amc trial 12")
    race[4] |= {"set_aside": "the worker was lost", "reward_accuracy": {2: 0.9, 4: 0.95, 8: 0.99}}
    summary = Summary.from_json({**sample(), "race": race})
    first, *_, last = race_sentences(summary.race)
    assert first.startswith("The result is amc trial 12: it is the most accurate")
    assert last == (
        "random trial 7 was set aside, because the device failed to measure it: the worker was lost"
    )
    assert "set aside" in render(summary)

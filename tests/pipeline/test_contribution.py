"""What the report says that the history gave a search."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgeprune.pipeline.contribution import contribution
from edgeprune.pipeline.records import HistoryRecord
from edgeprune.pipeline.run_directory import RunDirectory
from edgeprune.search import Outcome, SearchTrial, SourceRun


def _source(name: str, *rewards: float) -> dict[str, Any]:
    trials, one = len(rewards), np.ones((1, 1))
    ratios, costs = np.ones((trials, 1)), np.ones(trials)
    return SourceRun(name, ("share",), one, ratios, np.array(rewards), costs, 0.5, ratios).to_json()


SOURCES = [_source("first", 0.1, 0.2, 0.3), _source("second", 0.4)]


@pytest.fixture
def directory(tmp_path: Path) -> RunDirectory:
    found = RunDirectory(tmp_path / "run")
    found.create("a: 1\n")
    return found


def _trials(*outcomes: tuple[float, dict[str, Any]]) -> list[SearchTrial]:
    """Trials with these rewards and details."""
    return [
        SearchTrial(number, {"layer0": 4}, Outcome(0.5, 1.0, 0.5, 10, 4, 16, details), reward)
        for number, (reward, details) in enumerate(outcomes)
    ]


def test_a_run_without_a_history_says_nothing(directory: RunDirectory) -> None:
    assert contribution(directory, _trials((0.5, {"predicted_reward": 0.4}))) is None


def test_sources_trials_and_reused_measurements_are_counted(directory: RunDirectory) -> None:
    directory.finish("history-search", HistoryRecord(run="a", sources=SOURCES))
    trials = _trials((0.1, {"reused": True}), (0.2, {"reused": False}), (0.3, {}))
    found = contribution(directory, trials)
    assert found is not None
    assert (found.sources, found.source_trials) == (("first", "second"), 4)
    assert (found.trials, found.reused) == (3, 1)


def test_predictions_are_held_against_what_came_out(directory: RunDirectory) -> None:
    directory.finish("history-search", HistoryRecord(run="a", sources=SOURCES))
    found = contribution(
        directory,
        _trials(
            (0.1, {"predicted_reward": 0.2}),
            (0.9, {"predicted_reward": None}),
            (0.2, {"predicted_reward": 0.3}),
            (0.3, {"predicted_reward": 0.7}),
        ),
    )
    assert found is not None
    assert (found.predicted, found.rank) == (3, pytest.approx(1.0))
    assert found.error == pytest.approx(0.2)


def test_the_rank_falls_where_predictions_are_the_wrong_way_round(
    directory: RunDirectory,
) -> None:
    directory.finish("history-search", HistoryRecord(run="a"))
    rewards = (0.1, 0.2, 0.3)
    found = contribution(
        directory, _trials(*((reward, {"predicted_reward": -reward}) for reward in rewards))
    )
    assert found is not None and found.rank == pytest.approx(-1.0)


@pytest.mark.parametrize(
    "pairs",
    [
        [(0.1, 0.1), (0.2, 0.2)],
        [(0.1, 0.5), (0.2, 0.5), (0.3, 0.5)],
        [(0.4, 0.1), (0.4, 0.2), (0.4, 0.3)],
    ],
    ids=["two pairs", "one prediction for all", "one reward for all"],
)
def test_without_an_order_there_is_no_rank(
    directory: RunDirectory, pairs: list[tuple[float, float]]
) -> None:
    directory.finish("history-search", HistoryRecord(run="a", sources=SOURCES))
    trials = _trials(*((reward, {"predicted_reward": expected}) for reward, expected in pairs))
    found = contribution(directory, trials)
    assert found is not None and found.rank is None
    assert found.predicted == len(pairs) and found.error is not None


def test_without_predictions_there_is_no_error(directory: RunDirectory) -> None:
    directory.finish("history-search", HistoryRecord(run="a", sources=SOURCES))
    for trials in ([], _trials((0.1, {}))):
        found = contribution(directory, trials)
        assert found is not None
        assert (found.predicted, found.error, found.rank) == (0, None, None)


def test_the_last_trial_says_how_many_sources_are_trusted(directory: RunDirectory) -> None:
    directory.finish("history-search", HistoryRecord(run="a", sources=SOURCES))
    both, one = {"trusted": ["first", "second"]}, {"trusted": ["first"]}
    for details, expected in ((both, 2), (one, 1), ({"trusted": []}, 0), ({}, None)):
        found = contribution(directory, _trials((0.1, both), (0.2, details)))
        assert found is not None and found.trusted == expected

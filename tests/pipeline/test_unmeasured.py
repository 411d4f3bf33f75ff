"""Finalists of a race that the device fails to measure: set aside while there are others."""

from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from edgeprune.errors import DeviceFailedError, MeasurementError
from edgeprune.pipeline.field import Contender
from edgeprune.pipeline.goals import Goal
from edgeprune.pipeline.run_directory import RunDirectory
from edgeprune.pipeline.stages.probe import Probe
from edgeprune.pipeline.unmeasured import Costs, needed

GOAL = Goal("0.6x", Probe(base=None, budget=0.6, points=(), smallest=0.1), own=True)
#: The best first.
RANKED = [
    Contender("search-1", "knapsack trial 1", {"a": 1}),
    Contender("search-2", "knapsack trial 2", {"a": 2}),
    Contender("uniform", "uniform-L1", {"a": 3}, ("uniform",)),
]


class _Networks:
    """Files whose costs are known; some cannot be measured."""

    def __init__(self, lost: Sequence[str]) -> None:
        self.lost, self.asked = lost, list[str]()

    def cost(self, one: Contender) -> float:
        self.asked.append(one.name)
        self.measured(one)
        return 0.5

    def measured(self, one: Contender) -> None:
        if one.name in self.lost:
            msg = "the worker was lost"
            raise DeviceFailedError(msg)


def _session(folder: Path, told: list[str]) -> Any:
    directory = RunDirectory(folder)
    directory.create("target: simulated\n")
    return SimpleNamespace(
        directory=directory,
        reporter=SimpleNamespace(say=told.append),
        config=SimpleNamespace(targets=["board"]),
    )


def _costs(session: Any, *lost: str) -> tuple[Costs, _Networks]:
    networks: Any = _Networks(lost)
    return Costs(session, GOAL, networks), networks


def test_all_are_asked_in_order(tmp_path: Path) -> None:
    costs, _ = _costs(_session(tmp_path, []))
    assert [(one.name, cost) for one, cost in costs.each(RANKED)] == [
        ("search-1", 0.5),
        ("search-2", 0.5),
        ("uniform", 0.5),
    ]
    assert costs.aside == {}


def test_one_that_fails_is_set_aside_told_and_kept_so_on_a_resume(tmp_path: Path) -> None:
    told: list[str] = []
    session = _session(tmp_path, told)
    costs, _ = _costs(session, "search-1")
    assert [one.name for one, _ in costs.each(RANKED)] == ["search-2", "uniform"]
    reason = "0.6x: knapsack trial 1 is set aside and cannot be the result: the worker was lost"
    assert told == [reason]
    again, networks = _costs(session)
    assert [one.name for one, _ in again.each(RANKED)] == ["search-2", "uniform"]
    assert again.aside == {"search-1": "the worker was lost"}
    assert networks.asked == ["search-2", "uniform"] and len(told) == 1


def test_where_all_fail_the_device_is_to_blame_and_a_resume_asks_them_again(tmp_path: Path) -> None:
    session = _session(tmp_path, [])
    costs, _ = _costs(session, "search-1", "search-2")
    with pytest.raises(MeasurementError, match=r"no finalist .* knapsack trial 2: the worker was"):
        list(costs.each(RANKED))
    again, _ = _costs(session)
    assert [one.name for one, _ in again.each(RANKED)][:2] == ["search-1", "search-2"]


def test_what_nobody_asks_about_is_not_measured(tmp_path: Path) -> None:
    costs, networks = _costs(_session(tmp_path, []), "search-2")
    assert next(costs.each(RANKED))[0].name == "search-1"
    assert networks.asked == ["search-1"] and costs.aside == {}


def test_a_baseline_says_what_to_do(tmp_path: Path) -> None:
    session = _session(tmp_path, [])
    what = r"the baseline uniform-L1 could not .*: it is away; .*`edgeprune target check board`"
    with pytest.raises(MeasurementError, match=what), needed(session, "the baseline uniform-L1"):
        msg = "it is away"
        raise DeviceFailedError(msg)

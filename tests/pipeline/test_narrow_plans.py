"""Devices on which the narrowest plan is not the fastest, as depthwise networks are run by some."""

import math
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import nn

from edgeprune.config import BudgetConfig
from edgeprune.devices import Comparison, Measurement
from edgeprune.pipeline.problems import search_problem
from edgeprune.pipeline.settling import settle_uniform
from edgeprune.pipeline.stages.probe import probe
from edgeprune.pruning import ChannelSpace
from edgeprune.search import Widths, fit_to_budget
from edgeprune.search.samplers.baselines.random import RandomWidthSampler

FULL = 64


def _net() -> nn.Module:
    torch.manual_seed(0)
    layers: list[nn.Module] = [nn.Conv2d(1, FULL, 3)]
    for _ in range(2):
        layers += [nn.ReLU(), nn.Conv2d(FULL, FULL, 3, groups=FULL), nn.Conv2d(FULL, FULL, 1)]
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(FULL, 4))


def _blocks(widths: Widths) -> float:
    """As ONNX Runtime on x86: blocks of 16 channels, slow code for other than multiples of 4."""

    def taken(width: int) -> float:
        slower = 3.0 if width % 4 else 1.2 if width < 16 else 1.0
        return slower * math.ceil(width / 16) * 16 / FULL

    return sum(map(taken, widths.values())) / len(widths)


def _narrow(widths: Widths) -> float:
    """As a device that wider layers always take longer on."""
    return 0.05 + 0.95 * sum(widths.values()) / (FULL * len(widths))


class _Session:
    """What a probe asks of an open run."""

    counted, curves, worths = None, None, (0.0,)

    def __init__(self, ratio: Any, budget: BudgetConfig) -> None:
        self.channels = self.space = ChannelSpace.from_model(_net(), torch.zeros(1, 1, 12, 12))
        self._ratio = ratio
        self.config = SimpleNamespace(budget=budget, targets=["board"])
        self.directory = SimpleNamespace(
            record=lambda stage, kind: None, finish=lambda stage, record: record
        )
        self.reporter = SimpleNamespace(log=lambda text: None, task=_task)

    @property
    def smallest(self) -> Widths:
        return {group: choices[0] for group, choices in self.space.choices.items()}

    def compare(self, widths: Widths) -> Comparison:
        base = tuple(1.0 + 1e-5 * index for index in range(40))
        slow = tuple(self._ratio(widths) * one for one in base)
        return Comparison(Measurement(slow, 0.0, {}), Measurement(base, 0.0, {}))


@contextmanager
def _task(name: str, steps: int) -> Any:
    yield SimpleNamespace(advance=lambda note: None)


def _session(ratio: Any = _blocks, **budget: Any) -> Any:
    return _Session(ratio, BudgetConfig(**{"latency": "0.3x", **budget}))


def test_a_budget_that_only_wider_plans_meet_is_within_reach() -> None:
    session = _session()
    found = probe(session)
    assert _blocks(session.smallest) > found.budget  # 0.75x
    assert found.reachable and found.smallest == pytest.approx(0.25)
    assert found.floors is not None and set(found.floors.values()) == {16}
    # The record of a run from before it knew them still opens.
    old = found.model_dump(mode="json")
    del old["floors"]
    assert type(found).model_validate(old).floors is None


def test_searches_do_not_go_below_what_is_fastest() -> None:
    session = _session()
    found = probe(session)
    problem = search_problem(session, found, found.estimator(session))
    assert problem.smallest == found.floors
    assert all(choices[0] == 16 and choices[-1] == FULL for choices in problem.choices.values())
    problem = search_problem(session, found, SimpleNamespace(bounds=_all_blocks, observe=None))  # type: ignore[arg-type]
    assert _blocks(fit_to_budget(problem, dict.fromkeys(problem.groups, 1.0))) <= 0.3
    plan = RandomWidthSampler(problem, seed=0).propose(None, None)  # type: ignore[arg-type]
    assert _blocks(plan) <= 0.3


def _all_blocks(plans: list[Widths]) -> list[float]:
    return [_blocks(widths) for widths in plans]


def test_where_narrow_is_fast_nothing_changes() -> None:
    session = _session(_narrow)
    found = probe(session)
    assert found.floors is None and found.smallest == _narrow(session.smallest)
    problem = search_problem(session, found, found.estimator(session))
    assert {group: tuple(choices) for group, choices in problem.choices.items()} == {
        group: tuple(choices) for group, choices in session.space.choices.items()
    }


def test_a_budget_on_the_size_keeps_the_slow_small_plans() -> None:
    session = _session()
    found = probe(session)
    session.config.budget = BudgetConfig(latency="0.3x", size="0.1x")
    problem = search_problem(
        *(session, found, found.estimator(session)),
        SimpleNamespace(each=(), observe=None),  # type: ignore[arg-type]
    )
    assert problem.smallest == session.smallest


def test_the_uniform_baseline_is_the_widest_that_is_fast_enough() -> None:
    session = _session(latency="0.55x")
    plain = settle_uniform(session, 0.55, session.compare)
    found = settle_uniform(session, 0.55, session.compare, lambda plan: _blocks(plan) <= 0.55)
    assert set(found.widths.values()) == {32} and found.met
    assert max(plain.widths.values()) < 32  # what bisection alone comes upon

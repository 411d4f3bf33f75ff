"""Sensitivity curves: what is measured, what is put between, and what a dead layer does."""

import json
import math
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from edgeprune.config import DataConfig, ModelConfig, RecoverConfig, TrainConfig, WorkloadConfig
from edgeprune.evaluation import Recovery
from edgeprune.pruning import ChannelSpace, Plan
from edgeprune.records import as_json, read_record, write_record
from edgeprune.sensitivity import Curves, interpolated, measure_curves, points_wanted
from edgeprune.workloads import Split, Workload, load_workload

CHOICES = (0, 2, 4, 6, 8)


def test_a_curve_never_rises_and_ends_at_zero() -> None:
    losses = interpolated(CHOICES, {2: 0.5, 4: 0.2, 6: 0.3, 0: 2.0})
    assert losses[0] == 2.0
    assert losses[-1] == 0.0
    assert all(a >= b for a, b in pairwise(losses))
    assert losses[2] == losses[3] == 0.3  # wider cannot be worse: the worse one counts for both


def test_between_points_a_curve_stays_between_them() -> None:
    losses = interpolated(range(1, 65), {8: 0.9, 16: 0.45, 32: 0.1})
    assert losses[7] == pytest.approx(0.9)
    assert 0.1 < losses[23] < 0.45
    assert losses[23] < (0.45 + 0.1) / 2 + 1e-9  # steep first, flat later
    assert losses[0] == pytest.approx(0.9)  # below what was measured: no better than that


def test_one_point_is_not_joined_to_full_width_by_a_straight_line() -> None:
    losses = interpolated(range(4, 65), {4: 2.0})
    assert losses[0] == pytest.approx(2.0)
    assert losses[-1] == 0.0
    assert all(a >= b for a, b in pairwise(losses))
    assert losses[len(losses) // 2] < 0.25 * losses[0]


def test_removing_is_no_continuation_of_the_narrow_widths() -> None:
    assert interpolated(CHOICES, {0: 0.1, 2: 0.5})[:2] == (0.1, 0.5)


def test_the_other_groups_of_a_branch_have_nothing_at_zero() -> None:
    assert interpolated(CHOICES, {2: 0.5})[0] == 0.0


@pytest.fixture(scope="module")
def workload() -> Workload:
    torch.manual_seed(0)
    return load_workload(
        WorkloadConfig(
            model=ModelConfig(name="tests.models:residual_cnn", num_classes=10),
            data=DataConfig(name="digits"),
            train=TrainConfig(epochs=1),
        )
    )


@pytest.fixture(scope="module")
def model(workload: Workload) -> nn.Module:
    return workload.model.eval()


@pytest.fixture(scope="module")
def split(workload: Workload) -> Split:
    return workload.splits.train.subset(64, 0)


@pytest.fixture(scope="module")
def space(model: nn.Module, split: Split) -> ChannelSpace:
    images, _ = next(iter(split.batches(1)))
    return ChannelSpace.from_model(model, images, multiple=4)


@pytest.fixture(scope="module")
def recovery(model: nn.Module, split: Split) -> Recovery:
    return Recovery(model, split, RecoverConfig(images=32))


def _measure(space: ChannelSpace, model: nn.Module, recovery: Recovery, split: Split, **more):
    return measure_curves(space, model, space.plan, recovery, split, images=32, **more)


def test_every_group_and_every_branch_is_measured(
    space: ChannelSpace, model: nn.Module, recovery: Recovery, split: Split, tmp_path: Path
) -> None:
    seen: list[str] = []
    curves = _measure(space, model, recovery, split, advance=seen.append)
    assert len(seen) == points_wanted(space)
    for branch in space.branches:
        assert curves.losses[branch.groups[0]][0] > 0
    for name, choices in space.choices.items():
        assert len(curves.losses[name]) == len(choices)
        assert curves.losses[name][-1] == 0.0
    write_record(tmp_path / "curves.json", curves)
    assert read_record(tmp_path / "curves.json", Curves) == curves


def test_between_the_ends_only_useful_widths_are_measured(
    space: ChannelSpace, model: nn.Module, recovery: Recovery, split: Split
) -> None:
    useful = {name: (choices[-2], choices[-1]) for name, choices in space.choices.items()}
    curves = _measure(space, model, recovery, split, useful=useful)
    assert sum(map(len, curves.measured.values())) == points_wanted(space, useful)
    for name, choices in space.choices.items():
        narrow = min(width for width in choices if width)
        assert set(curves.measured[name]) <= {0, narrow, choices[-2]}


def test_an_interrupted_measurement_goes_on(
    space: ChannelSpace, model: nn.Module, recovery: Recovery, split: Split
) -> None:
    kept: list[dict[str, dict[int, float]]] = []

    def stop(measured: dict[str, dict[int, float]]) -> None:
        kept.append({group: dict(points) for group, points in measured.items()})
        if len(kept) == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        _measure(space, model, recovery, split, keep=stop)
    seen: list[str] = []
    whole = _measure(space, model, recovery, split)
    resumed = _measure(space, model, recovery, split, known=kept[-1], advance=seen.append)
    assert len(seen) == points_wanted(space) - 5
    assert resumed.losses == whole.losses


def test_without_time_the_ends_of_every_curve_are_measured(
    space: ChannelSpace, model: nn.Module, recovery: Recovery, split: Split
) -> None:
    curves = _measure(space, model, recovery, split, seconds=0.0)
    for name, choices in space.choices.items():
        narrow = min(width for width in choices if width)
        assert narrow in curves.measured[name]
    assert sum(map(len, curves.measured.values())) < points_wanted(space)


def test_a_loss_that_is_not_finite_is_the_worst_and_is_named(
    space: ChannelSpace, model: nn.Module, recovery: Recovery, split: Split
) -> None:
    class Broken:
        """Gives one group's narrow candidates weights that are no numbers."""

        execution = recovery.execution

        def recover(self, plan: Plan) -> nn.Module:
            found = recovery.recover(plan)
            if plan.widths["blocks.1.conv1"] not in (0, space.full["blocks.1.conv1"]):
                with torch.no_grad():
                    found.head.weight.fill_(math.nan)
            return found

    curves = _measure(space, model, Broken(), split)
    assert "blocks.1.conv1" in curves.warnings[0]
    assert all(np.isfinite(losses).all() for losses in curves.losses.values())
    json.dumps(as_json(curves), allow_nan=False)

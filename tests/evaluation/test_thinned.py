"""Least squares where single weights go."""

import pytest
import torch
from torch import nn

from edgeprune.evaluation import thinned
from edgeprune.evaluation.thinned import ThinnedReconstruction, solved
from edgeprune.pruning import WeightPlan, WeightSpace
from edgeprune.workloads import ArraySplit
from tests.evaluation.nets import all_images, noise_split


class Residual(nn.Module):
    """A network with all that matters here: norms, a bias, a shortcut, a depthwise layer."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 8, 3, padding=1)
        self.second = nn.Conv2d(8, 8, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(8)
        self.depthwise = nn.Conv2d(8, 8, 3, padding=1, groups=8)
        self.last = nn.Linear(8, 4)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        features = self.first(images).relu()
        features = (features + self.norm(self.second(features))).relu()
        return self.last(self.depthwise(features).relu().mean((2, 3)))


def _model() -> nn.Module:
    torch.manual_seed(3)
    return Residual().eval()


def _thin(model: nn.Module, density: float) -> tuple[WeightPlan, nn.Module]:
    space = WeightSpace(model)
    plan = space.plan(space.scaled(density))
    return plan, plan.apply(model)


@torch.no_grad()
def _distance(model: nn.Module, other: nn.Module, split: ArraySplit) -> float:
    images = all_images(split)
    return float((model(images) - other(images)).square().mean())


@pytest.mark.parametrize("recalibrated", [True, False])
def test_what_is_left_makes_up_for_what_went(recalibrated: bool) -> None:
    model, split = _model(), noise_split(256)
    plan, left = _thin(model, 0.3)
    before = _distance(model, left, split)
    ThinnedReconstruction(model, split, recalibrated=recalibrated).apply(left, plan)
    assert _distance(model, left, split) < 0.5 * before
    assert not left.training and not left.norm.training
    for name in plan.kept:
        weight = left.get_submodule(name).weight
        assert (weight[plan.gone(name)] == 0).all() and weight[~plan.gone(name)].all()
    assert torch.equal(left.depthwise.weight, plan.apply(model).depthwise.weight)


def test_later_layers_take_the_thinned_ones_as_they_are() -> None:
    # Two layers in a row: the second is whole, and undoes what the first one lacks.
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(3, 24, 1, bias=False), nn.Conv2d(24, 4, 1)).eval()
    split = noise_split(256)
    space = WeightSpace(model)
    plan = space.plan({"0": 400, "1": 1000})
    left = plan.apply(model)
    ThinnedReconstruction(model, split).apply(left, plan)
    first = plan.apply(model)
    features, wanted = left[0](all_images(split)), model(all_images(split))
    assert not torch.equal(left[1].weight, first[1].weight)
    with torch.no_grad():
        assert (left[1](features) - wanted).norm() < 0.2 * (first[1](features) - wanted).norm()


def test_every_output_is_solved_for_its_own_inputs() -> None:
    torch.manual_seed(0)
    inputs = torch.randn(200, 5).double()
    wanted = inputs @ torch.randn(5, 3).double() + 0.3 * torch.randn(200, 3).double()
    kept = torch.tensor([[1, 1, 0, 0, 1], [0, 0, 0, 0, 0], [1, 1, 1, 1, 1]], dtype=torch.bool)
    found = solved(inputs.T @ inputs, inputs.T @ wanted, torch.ones(3, 5), kept)
    for output in (0, 2):
        best = torch.linalg.lstsq(inputs[:, kept[output]], wanted[:, output : output + 1]).solution
        torch.testing.assert_close(found[output, kept[output]], best.flatten().float())
    assert not found[~kept].any()
    stuck = solved(torch.zeros(5, 5).double(), inputs.T @ wanted, torch.ones(3, 5), kept)
    assert torch.equal(stuck, kept.float())


def test_large_tensors_get_fewer_images(monkeypatch: pytest.MonkeyPatch) -> None:
    model, split, seen = _model(), noise_split(64), []
    model.register_forward_pre_hook(lambda module, inputs: seen.append(len(inputs[0])))
    monkeypatch.setattr(thinned, "_MAX_ELEMENTS", 10 * 8 * 8 * 8)
    plan, left = _thin(model, 0.5)
    ThinnedReconstruction(model, split).apply(left, plan)
    assert max(seen) == 10


def test_what_takes_too_long_to_solve_is_left_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    model, split = _model(), noise_split(64)
    plan, left = _thin(model, 0.5)
    monkeypatch.setattr(thinned, "_MAX_OPERATIONS", 8 * 14**3 / 3)
    ThinnedReconstruction(model, split).apply(left, plan)
    masked = plan.apply(model)
    changed = [
        name
        for name in plan.kept
        if not torch.equal(left.get_submodule(name).weight, masked.get_submodule(name).weight)
    ]
    assert changed == ["first", "last"]

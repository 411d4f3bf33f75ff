import logging

import pytest
import torch
from torch import nn

from edgeprune.evaluation import least_squares
from edgeprune.evaluation.least_squares import Reconstruction
from tests.evaluation.nets import all_images, hand_plan, noise_split

KEPT = (0, 1, 3)


class Pair(nn.Module):
    """A layer whose channel 2 is the sum of channels 0 and 3, and its consumer."""

    def __init__(self, consumer: nn.Module) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 4, 3, padding=1, bias=False)
        with torch.no_grad():
            self.first.weight[2] = self.first.weight[0] + self.first.weight[3]
        self.second = consumer

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        features = self.first(images)
        if isinstance(self.second, nn.Linear):
            features = features.flatten(1)
        return self.second(features)


def positions(consumer: nn.Module) -> tuple[int, ...]:
    area = 64 if isinstance(consumer, nn.Linear) else 1
    return tuple(channel * area + pixel for channel in KEPT for pixel in range(area))


def cut(model: Pair, **axes: dict[int, tuple[int, ...]]):
    slices = {"first.weight": {0: KEPT}, "second.weight": {1: positions(model.second)}}
    slices |= {f"second.{name}": kept for name, kept in axes.items()}
    return hand_plan(model, slices)


@pytest.mark.parametrize(
    "consumer",
    [
        nn.Conv2d(4, 5, 1),
        nn.Conv2d(4, 5, 3, padding=1, bias=False),
        nn.Conv2d(4, 5, 3, stride=2, padding=1),
        nn.Linear(4 * 64, 5),
    ],
    ids=["1x1", "3x3", "strided", "linear"],
)
@torch.no_grad()
def test_a_redundant_channel_is_made_up_for(consumer: nn.Module) -> None:
    model, split = Pair(consumer).eval(), noise_split(512)
    plan = cut(model)
    pruned, images = plan.apply(model), all_images(split)
    raw = (pruned(images) - model(images)).abs().max()
    Reconstruction(model, split).apply(pruned, plan)
    assert (pruned(images) - model(images)).abs().max() < 0.01 * raw


@pytest.mark.parametrize("bias", [True, False])
@torch.no_grad()
def test_equals_a_regression_on_all_patches(bias: bool) -> None:
    torch.manual_seed(0)
    first = nn.Conv2d(3, 4, 3, padding=1)
    model = nn.Sequential(first, nn.LeakyReLU(0.3), nn.Conv2d(4, 5, 1, bias=bias)).eval()
    split = noise_split(64)
    plan = hand_plan(model, {"0.weight": {0: KEPT}, "0.bias": {0: KEPT}, "2.weight": {1: KEPT}})
    pruned = plan.apply(model)
    Reconstruction(model, split).apply(pruned, plan)
    features = model[:2](all_images(split)).permute(0, 2, 3, 1).flatten(0, 2).double()
    wanted = features @ model[2].weight.flatten(1).T.double()
    kept = features[:, list(KEPT)]
    if bias:
        wanted += model[2].bias
        kept = torch.cat([kept, torch.ones(len(kept), 1)], 1)
    best = torch.linalg.lstsq(kept, wanted).solution.T.float()
    found = pruned[2].weight.flatten(1)
    # Ten points per image are a sample of the 64: close to, not the same as, the regression.
    torch.testing.assert_close(found, best[:, :3], atol=0.02, rtol=0.05)
    if bias:
        torch.testing.assert_close(pruned[2].bias, best[:, 3], atol=0.02, rtol=0.05)


@torch.no_grad()
def test_all_positions_give_the_exact_regression(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edgeprune.evaluation.moments.MIN_POINTS", 64)
    torch.manual_seed(0)
    layers = nn.Conv2d(3, 4, 1), nn.LeakyReLU(0.3), nn.Conv2d(4, 5, 1, bias=False)
    model, split = nn.Sequential(*layers).eval(), noise_split(64)
    plan = hand_plan(model, {"0.weight": {0: KEPT}, "0.bias": {0: KEPT}, "2.weight": {1: KEPT}})
    pruned = plan.apply(model)
    Reconstruction(model, split).apply(pruned, plan)
    features = model[:2](all_images(split)).permute(0, 2, 3, 1).flatten(0, 2).double()
    wanted = features @ model[2].weight.flatten(1).T.double()
    best = torch.linalg.lstsq(features[:, list(KEPT)], wanted).solution.T.float()
    torch.testing.assert_close(pruned[2].weight.flatten(1), best, atol=1e-3, rtol=1e-3)


@torch.no_grad()
def test_only_kept_outputs_are_refitted() -> None:
    model, split = Pair(nn.Conv2d(4, 5, 1)).eval(), noise_split(256)
    plan = cut(model, weight={0: (1, 4), 1: KEPT}, bias={0: (1, 4)})
    pruned, images = plan.apply(model), all_images(split)
    Reconstruction(model, split).apply(pruned, plan)
    torch.testing.assert_close(pruned(images), model(images)[:, [1, 4]], atol=0.01, rtol=0.01)


@torch.no_grad()
def test_a_normalised_layer_is_fitted_to_the_centred_output() -> None:
    # Channel 2 is constant: it carries a mean and no signal, which a batch norm takes away.
    first = nn.Conv2d(3, 4, 1)
    first.weight[2], first.bias[2] = 0.0, 5.0
    model = nn.Sequential(first, nn.Conv2d(4, 5, 1, bias=False), nn.BatchNorm2d(5)).eval()
    plan = hand_plan(model, {"0.weight": {0: KEPT}, "0.bias": {0: KEPT}, "1.weight": {1: KEPT}})
    changes = []
    for recalibrated in (True, False):
        pruned = plan.apply(model)
        before = pruned[1].weight.clone()
        Reconstruction(model, noise_split(), recalibrated=recalibrated).apply(pruned, plan)
        changes.append((pruned[1].weight - before).abs().max())
    assert changes[0] < 1e-3 < changes[1]


@torch.no_grad()
def test_dead_inputs_leave_finite_weights() -> None:
    model = Pair(nn.Conv2d(4, 5, 3, padding=1)).eval()
    model.first.weight.zero_()
    plan = cut(model)
    pruned = plan.apply(model)
    Reconstruction(model, noise_split()).apply(pruned, plan)
    assert pruned.second.weight.isfinite().all()


def test_what_is_not_cut_stays_bit_for_bit() -> None:
    model = Pair(nn.Conv2d(4, 5, 3, padding=1)).eval()
    plan = hand_plan(model, {"second.weight": {0: (0, 1)}, "second.bias": {0: (0, 1)}})
    pruned = plan.apply(model)
    Reconstruction(model, noise_split()).apply(pruned, plan)
    assert torch.equal(pruned.first.weight, model.first.weight)
    assert torch.equal(pruned.second.weight, model.second.weight[:2])


def test_the_result_does_not_depend_on_earlier_plans() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Conv2d(4, 4, 3), nn.ReLU(), nn.Conv2d(4, 5, 1)
    ).eval()
    early = hand_plan(model, {"0.weight": {0: KEPT}, "0.bias": {0: KEPT}, "2.weight": {1: KEPT}})
    both = hand_plan(
        model,
        early.slices | {"2.weight": {0: KEPT, 1: KEPT}, "2.bias": {0: KEPT}, "4.weight": {1: KEPT}},
    )
    fresh, used = (Reconstruction(model, noise_split()) for _ in range(2))
    used.apply(early.apply(model), early)
    one, other = both.apply(model), both.apply(model)
    fresh.apply(one, both)
    used.apply(other, both)
    for name, tensor in one.state_dict().items():
        assert torch.equal(tensor, other.state_dict()[name]), name


@pytest.mark.parametrize("limit", [{"MAX_COLUMNS": 20}, {"MAX_BYTES": 4 * (27**2 + 1)}])
def test_too_large_layers_are_skipped_with_a_reason(
    limit: dict[str, int], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    for name, value in limit.items():
        monkeypatch.setattr(least_squares, name, value)
    model = Pair(nn.Conv2d(4, 5, 3, padding=1)).eval()
    plan = cut(model)
    with caplog.at_level(logging.WARNING):
        reconstruction = Reconstruction(model, noise_split())
    pruned = plan.apply(model)
    reconstruction.apply(pruned, plan)
    assert "second" in reconstruction.skipped
    assert "second" in caplog.text
    assert torch.equal(pruned.second.weight, model.second.weight[:, list(KEPT)])


@torch.no_grad()
def test_inputs_with_a_large_mean_keep_their_covariance() -> None:
    # Means a thousand times the deviation: sums about zero would leave nothing but rounding.
    model, split = Pair(nn.Conv2d(4, 5, 1)).eval(), noise_split(512)
    model.first.bias = nn.Parameter(torch.full((4,), 1000.0))
    plan = hand_plan(
        model,
        {"first.weight": {0: KEPT}, "first.bias": {0: KEPT}, "second.weight": {1: KEPT}},
    )
    pruned, images = plan.apply(model), all_images(split)
    Reconstruction(model, split).apply(pruned, plan)
    wanted = model(images)
    error = (pruned(images) - wanted).std()
    assert error < 0.02 * wanted.std((0, 2, 3)).mean()

"""Quantisation-aware training: what comes back are the model's own weights, fit for int8."""

import sys

import pytest
import torch
from torch import nn

pytest.importorskip("torchao", reason="the extra `qat` is not installed")

from edgeprune.errors import UserError
from edgeprune.quantization import adopt_weights, with_rounding
from edgeprune.training import fit
from tests.evaluation.nets import noise_split
from tests.models import tiny_cnn


@pytest.fixture
def model() -> nn.Module:
    torch.manual_seed(0)
    return tiny_cnn().eval()


def images(count: int = 4) -> torch.Tensor:
    return next(iter(noise_split(8).batches(count)))[0]


def test_the_copy_computes_with_rounding_and_the_model_stays_as_it_was(model: nn.Module) -> None:
    before = {name: value.clone() for name, value in model.state_dict().items()}
    copy = with_rounding(model, images())
    copy.train()
    copy(images())  # sets the ranges
    copy.eval()
    with torch.no_grad():
        exact, rounded = model(images()), copy(images())
    difference = (exact - rounded).abs().max()
    assert 0 < difference < 0.2 * exact.abs().max()
    assert not model.training
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_learned_weights_come_back_by_name(model: nn.Module) -> None:
    copy = with_rounding(model, images())
    split = noise_split(64)
    fit(
        copy,
        split,
        epochs=1,
        lr=0.01,
        batch_size=16,
        weight_decay=0.0,
        seed=0,
        teacher=model,
        mode="float32",
    )
    learned = adopt_weights(tiny_cnn(), copy)
    assert learned.state_dict().keys() == model.state_dict().keys()
    changed = [
        name
        for name, value in learned.state_dict().items()
        if not torch.equal(value, model.state_dict()[name])
    ]
    assert {name for name, _ in model.named_parameters()} <= set(changed)


def test_weights_that_int8_cannot_hold_learn_to_be_held() -> None:
    """Two inputs of very different size share one scale: rounding loses the small one."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(1, 8, 3), nn.ReLU(), nn.Flatten(), nn.Linear(8 * 36, 2)).eval()
    with torch.no_grad():
        model[0].bias[0] = 300.0  # this channel's values take all of the range
        model[3].weight[:, :36] *= 1e-3
    inputs = torch.rand(64, 1, 8, 8)
    with torch.no_grad():
        wanted = model(inputs)
    copy = with_rounding(model, inputs[:2])
    copy.train()
    losses = []
    optimizer = torch.optim.Adam(copy.parameters(), lr=0.02)
    for _ in range(60):
        loss = (copy(inputs) - wanted).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert min(losses[-5:]) < 0.5 * losses[2]


def test_a_model_that_cannot_be_followed_is_named(model: nn.Module) -> None:
    class Stubborn(nn.Module):
        def forward(self, images: torch.Tensor) -> torch.Tensor:
            return images.mean((2, 3)) if images.sum().item() > 0 else images.sum((2, 3))

    with pytest.raises(UserError, match=r"torch\.export cannot follow"):
        with_rounding(Stubborn(), images())


def test_a_missing_extra_names_the_command(
    model: nn.Module, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(sys.modules, "edgeprune.quantization.rounded_inputs", raising=False)
    monkeypatch.setitem(sys.modules, "torchao.quantization.pt2e", None)
    with pytest.raises(UserError, match=r"pip install 'edgeprune\[qat\]'"):
        with_rounding(model, images())

"""Scores by elimination on whole networks: which groups have them, and what they are good for."""

import numpy as np
import pytest
import torch
from torch import nn

from edgeprune.evaluation import Reconstruction, least_squares
from edgeprune.pruning import ChannelSpace
from edgeprune.sensitivity import obs_scores
from edgeprune.workloads import ArraySplit
from tests.pruning.nets import all_nets, build

CLASSES = 4


def noise_split(size: int, channels: int = 3, images: int = 48) -> ArraySplit:
    generator = np.random.default_rng(0)
    pixels = generator.integers(0, 256, (images, channels, size, size), np.uint8)
    return ArraySplit("train", pixels, np.arange(images) % CLASSES)


class Net(nn.Module):
    """A shortcut, a depthwise layer, and a flattened end: 4 positions for each channel."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 8, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(8)
        self.inner = nn.Conv2d(8, 6, 3, padding=1)
        self.outer = nn.Conv2d(6, 8, 1)
        self.depthwise = nn.Conv2d(8, 8, 3, stride=2, padding=1, groups=8)
        self.head = nn.Linear(8 * 4, CLASSES)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        x = torch.relu(self.norm(self.first(images)))
        x = x + self.outer(torch.relu(self.inner(x)))
        x = nn.functional.adaptive_avg_pool2d(torch.relu(self.depthwise(x)), 2)
        return self.head(x.flatten(1))


@pytest.fixture(scope="module")
def model() -> nn.Module:
    torch.manual_seed(0)
    return Net().eval()


@pytest.fixture(scope="module")
def space(model: nn.Module) -> ChannelSpace:
    return ChannelSpace.from_model(model, torch.randn(1, 3, 8, 8), check=False)


def reconstruction(model: nn.Module) -> Reconstruction:
    return Reconstruction(model, noise_split(8), images=48)


def test_every_unit_gets_a_score_that_a_plan_takes(model: nn.Module, space: ChannelSpace) -> None:
    found = obs_scores(space, model, reconstruction(model))
    assert not found.fallback
    for group in space.free:
        scores, errors = found.scores[group.name], found.errors[group.name]
        assert scores.mean() == pytest.approx(1.0)
        assert len(errors) == group.units + 1
        assert errors[-1] == 0
        assert (np.diff(errors) <= 1e-12).all()
        assert errors[0] <= 1.0 + 1e-3
    plan = space.plan(space.scaled(0.5), "obs", scores=found.scores)
    assert plan.criterion == "obs"


def test_it_keeps_channels_whose_refitted_reader_errs_less_than_with_l1(
    model: nn.Module, space: ChannelSpace
) -> None:
    """Held against the fit itself: the reader's output, with either choice."""
    squares = reconstruction(model)
    images = torch.cat([one for one, _ in noise_split(8).batches(16)])
    scores = obs_scores(space, model, squares).scores
    outputs: dict[str, torch.Tensor] = {}

    def heard(net: nn.Module) -> torch.Tensor:
        handle = net.get_submodule("outer").register_forward_hook(
            lambda module, inputs, output: outputs.update(found=output)
        )
        with torch.inference_mode():
            net(images)
        handle.remove()
        return outputs["found"].clone()

    def error(criterion: str, chosen: dict[str, np.ndarray] | None) -> float:
        plan = space.plan({"inner": 3}, criterion, scores=chosen)
        pruned = plan.apply(model).eval()
        squares.apply(pruned, plan)
        return float((heard(pruned) - heard(model)).square().mean())

    assert error("obs", scores) <= error("l1", None) * 1.001


def test_the_same_images_give_the_same_scores(model: nn.Module, space: ChannelSpace) -> None:
    one, other = (obs_scores(space, model, reconstruction(model)).scores for _ in range(2))
    assert all(np.array_equal(one[name], other[name]) for name in one)


def test_groups_without_such_readers_fall_back_to_l1(
    model: nn.Module, space: ChannelSpace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(least_squares, "MAX_COLUMNS", 6)  # leaves the 1x1 convolution alone
    found = obs_scores(space, model, reconstruction(model))
    assert found.fallback == ("first",)
    assert np.array_equal(found.scores["first"], space.importance("l1")["first"])
    assert found.errors.keys() == {"inner"}


def test_dead_layers_fall_back_to_l1(space: ChannelSpace) -> None:
    dead = Net().eval()
    with torch.no_grad():
        dead.outer.weight.zero_()
        dead.inner.weight.fill_(float("nan"))
    space = ChannelSpace.from_model(Net().eval(), torch.randn(1, 3, 8, 8), check=False)
    found = obs_scores(space, dead, reconstruction(dead))
    assert "inner" in found.fallback
    assert all(np.isfinite(scores).all() for scores in found.scores.values())


#: Networks that take one image at a time, or cannot be cut: recovery does not meet them.
NEVER_RECOVERED = ("view of a batch of one", "literal norm")


@pytest.mark.parametrize("name", [one for one in all_nets() if one not in NEVER_RECOVERED])
def test_no_shape_of_network_breaks_it(name: str) -> None:
    net = build(name)
    image = torch.randn(1, 3, 16, 16)
    space = ChannelSpace.from_model(net, image, check=False)
    found = obs_scores(space, net, Reconstruction(net, noise_split(16, images=8), images=8))
    plan = space.plan(space.scaled(0.5), "obs", scores=found.scores)
    assert plan.apply(net).eval()(image).isfinite().all()

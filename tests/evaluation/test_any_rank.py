"""Recovery of networks on sequences, volumes and several inputs."""

from collections.abc import Iterator

import pytest
import torch
from torch import Tensor, nn

from edgeprune.config import RecoverConfig
from edgeprune.evaluation import Recovery
from edgeprune.pruning import ChannelSpace
from edgeprune.tensors import Inputs, call
from tests.pruning.test_forms import Audio, TwoInputs, Video

IMAGES = 48


class Examples:
    """A split whose examples are one tensor of any rank, or several."""

    def __init__(self, *given: Tensor) -> None:
        self.name, self._given = "train", given

    def __len__(self) -> int:
        return len(self._given[0])

    def batches(
        self, size: int, *, generator: torch.Generator | None = None, augment: bool = False
    ) -> Iterator[tuple[Inputs, Tensor]]:
        order = torch.arange(len(self))
        if generator is not None:
            order = torch.randperm(len(self), generator=generator)
        for rows in order.split(size):
            several = tuple(one[rows] for one in self._given)
            yield several[0] if len(several) == 1 else several, torch.zeros(len(rows))

    def subset(self, count: int, seed: int) -> "Examples":
        return Examples(*(one[:count] for one in self._given))


def trained(model: nn.Module, inputs: Inputs) -> nn.Module:
    """The model with statistics of its inputs; layers that its readers lean on unequally."""
    for module in model.train().modules():
        if hasattr(module, "momentum"):
            module.momentum = None
    with torch.no_grad():
        call(model, inputs)
    return model.eval()


@pytest.mark.parametrize("kind", [Audio, Video, TwoInputs])
def test_a_cut_network_is_recovered(kind: type[nn.Module]) -> None:
    torch.manual_seed(0)
    shapes = {Audio: [(1, 160)], Video: [(3, 4, 8, 8)], TwoInputs: [(3, 16, 16), (7,)]}
    given = [torch.randn(IMAGES, *shape).cumsum(-1) for shape in shapes[kind]]
    inputs = given[0] if len(given) == 1 else tuple(given)
    model = trained(kind(), inputs)
    recovery = Recovery(model, Examples(*given), RecoverConfig())
    space = ChannelSpace.from_model(model, inputs)
    plan = space.plan(space.scaled(0.7))
    cut, recovered = plan.apply(model), recovery.recover(plan)
    assert recovery.reconstruction is not None
    refitted = [
        name
        for name in recovery.reconstruction.consumers
        if 1 in plan.slices.get(f"{name}.weight", {})
    ]
    assert len(refitted) >= 3
    with torch.no_grad():
        expected = call(model, inputs)
        before = (call(cut, inputs) - expected).square().mean()
        after = (call(recovered, inputs) - expected).square().mean()
    assert after < 0.6 * before

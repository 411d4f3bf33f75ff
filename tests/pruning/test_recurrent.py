"""Hidden units of LSTM, GRU and RNN are cut in torch and in ONNX alike."""

import random
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode

from edgeprune.pruning import ChannelSpace
from edgeprune.pruning.soundness import problem_with
from tests.pruning.promises import drawn_widths

SOUND = (1, 3, 7)


class Last(nn.Module):
    """What a recurrent layer says at the last step, classified."""

    def __init__(self, kind: type[nn.RNNBase], **settings: int) -> None:
        super().__init__()
        self.entry = nn.Conv1d(3, 6, 3, padding=1)
        self.recurrent = kind(6, 8, **settings)
        self.head = nn.Linear(8 * (2 if settings.get("bidirectional") else 1), 5)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.entry(x))
        x = x.transpose(1, 2) if self.recurrent.batch_first else x.permute(2, 0, 1)
        found = self.recurrent(x)[0]
        return self.head(found[:, -1] if self.recurrent.batch_first else found[-1])


class State(Last):
    """The last state of the last layer instead of the last output."""

    def forward(self, x: Tensor) -> Tensor:
        _, (state, cells) = self.recurrent(F.relu(self.entry(x)).permute(2, 0, 1))
        return self.head(state[-1] + cells[-1])


class Handed(nn.Module):
    """One layer starts from the states of another: both have as many hidden units."""

    def __init__(self) -> None:
        super().__init__()
        self.reader, self.writer = nn.LSTM(3, 8), nn.LSTM(3, 8)
        self.head = nn.Linear(8, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = x.permute(2, 0, 1)
        return self.head(self.writer(x, self.reader(x)[1])[0][-1])


class Given(Last):
    """The first state is made by a size that is written in the model's code."""

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.entry(x)).permute(2, 0, 1)
        return self.head(self.recurrent(x, torch.zeros(1, x.shape[1], 8))[0][-1])


NETS: dict[str, Callable[[], nn.Module]] = {
    "lstm": lambda: Last(nn.LSTM),
    "gru, batch first": lambda: Last(nn.GRU, batch_first=True),
    "rnn": lambda: Last(nn.RNN),
    "lstm of two layers both ways": lambda: Last(nn.LSTM, num_layers=2, bidirectional=True),
    "gru without biases": lambda: Last(nn.GRU, num_layers=2, bias=False),
    "states": lambda: State(nn.LSTM, num_layers=2),
    "states handed on": Handed,
}


def build(name: str) -> nn.Module:
    torch.manual_seed(0)
    return NETS[name]().eval().requires_grad_(False)


def counted(model: nn.Module) -> int:
    """By torch's counter, which does not see into the LSTM that oneDNN has."""
    with torch.backends.mkldnn.flags(enabled=False), FlopCounterMode(display=False) as counter:
        model(torch.randn(SOUND))
    return counter.get_total_flops() // 2


@pytest.mark.parametrize("name", NETS)
def test_hidden_units_are_cut_for_real(name: str) -> None:
    model, sound = build(name), torch.randn(SOUND)
    space = ChannelSpace.from_model(model, sound)
    assert [group.fixed for group in space.groups if group.fixed] == ["the model's output"]
    assert space.template.dynamic_batch
    choose = random.Random(0)
    for widths in (space.full, space.scaled(0.5), *(drawn_widths(space, choose) for _ in range(3))):
        plan = space.plan(widths)
        content = space.template.candidate(space.slice_state(plan))
        assert problem_with(plan, model, lambda made=content: made, sound, batch=2) is None
        pruned = plan.apply(model)
        assert space.macs(widths) == counted(pruned)
        assert space.params(widths) == sum(one.numel() for one in pruned.parameters())


def test_a_hidden_unit_is_the_same_in_all_layers_and_directions() -> None:
    model = build("lstm of two layers both ways")
    space = ChannelSpace.from_model(model, torch.randn(SOUND))
    assert space.full == {"entry": 6, "recurrent": 16}
    plan = space.plan({"entry": 3, "recurrent": 6})
    layer = plan.apply(model).recurrent
    assert (layer.input_size, layer.hidden_size, layer.num_layers) == (3, 3, 2)
    kept = plan.slices["recurrent.weight_hh_l0"][1]
    assert plan.slices["recurrent.weight_hh_l1_reverse"][1] == kept
    assert plan.slices["recurrent.bias_ih_l1"][0] == tuple(
        8 * gate + unit for gate in range(4) for unit in kept
    )


def test_a_first_state_of_a_spelt_size_fixes_the_hidden_units_with_a_reason() -> None:
    torch.manual_seed(0)
    space = ChannelSpace.from_model(Given(nn.GRU).eval(), torch.randn(SOUND))
    fixed = {group.name: group.fixed for group in space.groups}
    assert fixed["entry"] is None
    assert fixed["recurrent"].startswith("tied to channels that stay: the first state")

"""Attention, tokens, recurrent layers and rare operators, each in the smallest network with it."""

import random
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.nn.utils.parametrizations import weight_norm
from torch.utils.flop_counter import FlopCounterMode

from edgeprune.pruning import ChannelSpace
from edgeprune.pruning.soundness import problem_with
from tests.pruning.nets import IMAGE, enliven
from tests.pruning.promises import drawn_widths
from tests.pruning.test_operators import Chain


class Attention(nn.Module):
    """Heads by name (timm's), by arithmetic (older code), or with keys and values of their own."""

    def __init__(self, form: str, dim: int = 12, heads: int = 3) -> None:
        super().__init__()
        self.form, self.num_heads = form, heads
        self.head_dim, self.scale = dim // heads, 0.5
        self.attn_dim = dim
        self.qkv = nn.Linear(dim, 3 * dim)
        self.proj = nn.Linear(dim, dim)

    def forward(self, x: Tensor) -> Tensor:
        batch, places, dim = x.shape
        each = dim // self.num_heads if self.form == "computed" else self.head_dim
        qkv = self.qkv(x).reshape(batch, places, 3, self.num_heads, each).permute(2, 0, 3, 1, 4)
        q, k, v = qkv.unbind(0)
        if self.form == "covariance":
            q, k, v = (one.transpose(-2, -1) for one in (q, k, v))
            x = (F.normalize(q, dim=-1) @ F.normalize(k, dim=-1).transpose(-2, -1)).softmax(-1) @ v
            x = x.permute(0, 3, 1, 2)
        elif self.form == "fused":
            x = F.scaled_dot_product_attention(q, k, v).transpose(1, 2)
        else:
            x = ((q * self.scale) @ k.transpose(-2, -1)).softmax(-1) @ v
            x = x.transpose(1, 2)
        return self.proj(
            x.reshape(batch, places, dim if self.form == "computed" else self.attn_dim)
        )


class KeysAndValues(nn.Module):
    """LeViT: more value than key dimensions, taken apart by name; as many heads as dimensions."""

    def __init__(self) -> None:
        super().__init__()
        self.num_heads, self.key_dim, self.val_dim = 4, 4, 6
        self.val_attn_dim = 24
        self.qkv = nn.Linear(12, 4 * 14)
        self.proj = nn.Linear(24, 12)

    def forward(self, x: Tensor) -> Tensor:
        batch, places, _ = x.shape
        q, k, v = (
            self.qkv(x)
            .view(batch, places, self.num_heads, -1)
            .split([self.key_dim, self.key_dim, self.val_dim], dim=3)
        )
        x = (q.permute(0, 2, 1, 3) @ k.permute(0, 2, 3, 1)).softmax(-1) @ v.permute(0, 2, 1, 3)
        return self.proj(x.transpose(1, 2).reshape(batch, places, self.val_attn_dim))


class Vit(nn.Module):
    """A class token and positions before attention and an MLP, on a residual stream."""

    def __init__(self, attention: nn.Module, how: str = "expand") -> None:
        super().__init__()
        self.how = how
        self.stem = nn.Conv2d(3, 12, 4, stride=4)
        self.token = nn.Parameter(torch.randn(1, 1, 12))
        self.places = nn.Parameter(torch.randn(1, 17, 12))
        self.norms = nn.ModuleList([nn.LayerNorm(12), nn.LayerNorm(12), nn.LayerNorm(12)])
        self.attention = attention
        self.mlp = nn.Sequential(nn.Linear(12, 20), nn.GELU(), nn.Linear(20, 12))
        self.head = nn.Linear(12, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x).flatten(2).transpose(1, 2)
        many = x.shape[0]
        token = self.token.expand(many, -1, -1) if self.how == "expand" else self.token
        if self.how == "repeat":
            token = token.repeat(many, 1, 1).reshape(many, 1, -1)
        x = torch.cat((token, x), 1) + self.places
        x = x + self.attention(self.norms[0](x))
        x = x + self.mlp(self.norms[1](x))
        return self.head(self.norms[2](x)[:, 0])


class Unshuffled(nn.Module):
    """Pixels into channels, and channels repeated."""

    def __init__(self) -> None:
        super().__init__()
        self.down = nn.PixelUnshuffle(2)
        self.inner = nn.Conv2d(48, 9, 1)

    def forward(self, x: Tensor) -> Tensor:
        x = self.inner(self.down(x))
        return torch.cat((x.repeat(1, 2, 1, 1), x.mean((2, 3), keepdim=True).expand_as(x)), 1)


class Rms(nn.Module):
    """torch's own RMSNorm, channels last."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.RMSNorm(12)

    def forward(self, x: Tensor) -> Tensor:
        return self.norm(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


class Recurrent(nn.Module):
    """Convolutions on features in time, then a recurrent layer."""

    def __init__(self, kind: type[nn.RNNBase], **settings: int) -> None:
        super().__init__()
        self.first = nn.Conv1d(3, 12, 3, padding=1)
        self.second = nn.Conv1d(12, 10, 3, padding=1)
        self.recurrent = kind(10, 8, batch_first=True, **settings)
        self.last = nn.Linear(8 * (2 if settings.get("bidirectional") else 1), 9)
        self.head = nn.Linear(9, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = self.second(F.relu(self.first(x.flatten(2)))).transpose(1, 2)
        return self.head(F.relu(self.last(self.recurrent(x)[0][:, -1])))


NETS: dict[str, Callable[[], nn.Module]] = {
    "heads by name": lambda: Vit(Attention("by name")),
    "heads by arithmetic": lambda: Vit(Attention("computed")),
    "fused": lambda: Vit(Attention("fused")),
    "cross-covariance": lambda: Vit(Attention("covariance")),
    "keys and values": lambda: Vit(KeysAndValues()),
    "token repeated": lambda: Vit(Attention("by name"), "repeat"),
    "pixel unshuffle": lambda: Chain(12, Unshuffled(), 27),
    "weight norm": lambda: Chain(12, weight_norm(nn.Conv2d(12, 9, 3)), 9),
    "old weight norm": lambda: Chain(12, torch.nn.utils.weight_norm(nn.Conv2d(12, 9, 3)), 9),
    "rms norm": lambda: Chain(12, Rms()),
    "lstm": lambda: Recurrent(nn.LSTM),
    "gru of two layers": lambda: Recurrent(nn.GRU, num_layers=2),
    "lstm both ways": lambda: Recurrent(nn.LSTM, bidirectional=True),
}
RECURRENT = {name for name in NETS if "lstm" in name or "gru" in name}


def build(name: str) -> nn.Module:
    torch.manual_seed(0)
    return enliven(NETS[name]())


def counted(model: nn.Module) -> int:
    with torch.no_grad(), sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
        model(torch.randn(IMAGE))
    return counter.get_total_flops() // 2


@pytest.mark.filterwarnings("ignore::FutureWarning")
@pytest.mark.parametrize("name", NETS)
def test_plans_are_cut_for_real(name: str) -> None:
    model, image = build(name).requires_grad_(False), torch.randn(IMAGE)
    space = ChannelSpace.from_model(model, image)
    unchecked = ChannelSpace.from_model(model, image, check=False)
    assert [one.fixed for one in space.groups] == [one.fixed for one in unchecked.groups]
    assert {group.fixed for group in space.groups} == {None, "the model's output"}
    assert space.template.dynamic_batch
    assert space.cuttable_macs_share == pytest.approx(1, abs=0.05)
    choose = random.Random(0)
    for widths in (space.full, *(drawn_widths(space, choose) for _ in range(4))):
        plan = space.plan(widths)
        content = space.template.candidate(space.slice_state(plan))
        found = problem_with(plan, model, lambda made=content: made, image, batch=2)
        assert found is None
        pruned = plan.apply(model)
        if name not in RECURRENT:  # torch's counter knows none
            assert space.macs(widths) == counted(pruned)
        assert space.params(widths) == sum(one.numel() for one in pruned.parameters())


def test_the_macs_of_a_recurrent_layer_are_those_of_its_gates() -> None:
    space = ChannelSpace.from_model(build("lstm"), torch.randn(IMAGE))
    steps = 256
    layers = steps * (3 * 12 * 3 + 12 * 10 * 3) + 8 * 9 + 9 * 5
    assert space.macs(space.full) == layers + steps * 4 * 8 * (10 + 8)

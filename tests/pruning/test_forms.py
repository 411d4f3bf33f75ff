"""Models of any inputs and outputs: opened, counted, cut and held against ONNX Runtime."""

import functools
import random
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import onnx
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode

from edgeprune.pruning import ChannelSpace
from edgeprune.pruning.soundness import problem_with, run_onnx
from edgeprune.tensors import Inputs, call, flattened_inputs, flattened_outputs
from tests.pruning.nets import IMAGE, conv, enliven
from tests.pruning.promises import drawn_widths


@dataclass
class Found:
    """What a detector gives back."""

    scores: Tensor
    levels: list[Tensor]
    masks: Tensor | None = None


class Heads(nn.Module):
    """Two levels of features with a head each, in one of several forms."""

    def __init__(self, form: str = "tuple") -> None:
        super().__init__()
        self.form = form
        self.first, self.second = conv(3, 12), conv(12, 14, stride=2)
        self.heads = nn.ModuleList([nn.Conv2d(12, 5, 1), nn.Conv2d(14, 5, 1)])
        self.scores = nn.Linear(14, 4)

    def forward(self, x: Tensor) -> object:
        first = self.first(x)
        second = self.second(first)
        levels = [self.heads[0](first), self.heads[1](second)]
        scores = self.scores(second.mean((2, 3)))
        if self.form == "dict":
            return OrderedDict(scores=scores, levels=levels)
        if self.form == "dataclass":
            return Found(scores, levels)
        return (scores, tuple(levels))


class Passing(Heads):
    """An output that is an input, one that is there twice, one without images, whole numbers."""

    def forward(self, x: Tensor) -> object:
        scores = self.scores(self.second(self.first(x)).mean((2, 3)))
        anchors = torch.arange(6.0, device=x.device).view(3, 2)
        return {"x": x, "scores.weight": scores, "again": scores, "anchors": anchors} | {
            "best": scores.argmax(1)
        }


class Flat(nn.Module):
    """One number for each image: an output of one axis."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(conv(3, 12), conv(12, 10))
        self.head = nn.Linear(10, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.features(x).mean((2, 3))).squeeze(-1)


class Audio(nn.Module):
    """Residual convolutions of one axis, the last of them grouped, on a raw waveform."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv1d(1, 12, 9, stride=4), nn.BatchNorm1d(12), nn.ReLU())
        self.inner = nn.Sequential(nn.Conv1d(12, 16, 3, padding=1), nn.BatchNorm1d(16), nn.ReLU())
        self.outer = nn.Conv1d(16, 12, 3, padding=1)
        self.depthwise = nn.Conv1d(12, 12, 5, padding=2, groups=12)
        self.pool = nn.AvgPool1d(4)
        self.up = nn.ConvTranspose1d(12, 10, 4, stride=2)
        self.head = nn.Linear(10, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        x = F.relu(x + self.outer(self.inner(x)))
        return self.head(self.up(self.pool(self.depthwise(x))).mean(-1))


class Video(nn.Module):
    """Convolutions of three axes."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv3d(3, 12, 3, padding=1), nn.BatchNorm3d(12), nn.ReLU())
        self.inner = nn.Sequential(nn.Conv3d(12, 8, (3, 1, 1), padding=(1, 0, 0)), nn.ReLU())
        self.outer = nn.Conv3d(8, 12, (1, 3, 3), padding=(0, 1, 1))
        self.pool = nn.MaxPool3d((1, 2, 2))
        self.head = nn.Linear(12, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        x = self.pool(x + self.outer(self.inner(x)))
        return self.head(F.adaptive_avg_pool3d(x, 1).flatten(1))


class TwoInputs(nn.Module):
    """An image, and some numbers that scale its channels."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = conv(3, 12), conv(12, 10)
        self.numbers = nn.Sequential(nn.Linear(7, 9), nn.ReLU(), nn.Linear(9, 12))
        self.head = nn.Linear(10, 5)

    def forward(self, image: Tensor, numbers: Tensor) -> Tensor:
        x = self.first(image) * torch.sigmoid(self.numbers(numbers))[:, :, None, None]
        return self.head(self.second(x).mean((2, 3)))


class Tokens(nn.Module):
    """Words by number, with a mask; convolutions over them."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(20, 12)
        self.first = nn.Conv1d(12, 16, 3, padding=1)
        self.last = nn.Conv1d(16, 10, 3, padding=1)
        self.head = nn.Linear(10, 5)

    def forward(self, words: Tensor, mask: Tensor) -> Tensor:
        x = self.embedding(words).transpose(1, 2) * mask[:, None]
        return self.head(self.last(F.relu(self.first(x))).mean(-1))


class StepsFirst(nn.Module):
    """Sequences of (steps, batch, features), in and out."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(6, 14), nn.Linear(14, 12)
        self.head = nn.Linear(12, 5)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(F.relu(self.second(F.relu(self.first(x)))))


class BatchBehind(nn.Module):
    """Images in, scores of (places, batch, classes) out, as for CTC."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(conv(3, 12), conv(12, 10))
        self.head = nn.Linear(10, 5)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.features(x).mean(2).permute(2, 0, 1))


class Pools(nn.Module):
    """Adaptive pooling to sizes that do not divide the image's."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.last = conv(3, 12), conv(12, 10)
        self.head = nn.Linear(10 * 9 + 10 * 49, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = self.last(self.first(x))
        pooled = F.adaptive_max_pool2d(x, 3), F.adaptive_avg_pool2d(x, (7, 7))
        return self.head(torch.cat([one.flatten(1) for one in pooled], 1))


def image() -> Tensor:
    return torch.randn(IMAGE)


#: Model, example input and names of outputs.
CASES: dict[str, tuple[Callable[[], nn.Module], Callable[[], Inputs], list[str]]] = {
    "tuple": (Heads, image, ["output.0", "output.1.0", "output.1.1"]),
    "dict": (lambda: Heads("dict"), image, ["scores", "levels.0", "levels.1"]),
    "dataclass": (lambda: Heads("dataclass"), image, ["scores", "levels.0", "levels.1"]),
    "passing": (Passing, image, ["x", "scores.weight_", "again", "anchors", "best"]),
    "flat": (Flat, image, ["output"]),
    "audio": (Audio, lambda: torch.randn(1, 1, 160), ["output"]),
    "video": (Video, lambda: torch.randn(1, 3, 4, 8, 8), ["output"]),
    "two inputs": (TwoInputs, lambda: (image(), torch.randn(1, 7)), ["output"]),
    "inputs by name": (
        TwoInputs,
        lambda: {"numbers": torch.randn(1, 7), "image": image()},
        ["output"],
    ),
    "tokens": (
        Tokens,
        lambda: (torch.randint(0, 20, (1, 9)), torch.rand(1, 9) > 0.3),
        ["output"],
    ),
    "steps first": (StepsFirst, lambda: torch.randn(8, 1, 6), ["output"]),
    "batch behind": (BatchBehind, image, ["output"]),
    "pools": (Pools, image, ["output"]),
}


def built(name: str) -> tuple[nn.Module, Inputs]:
    torch.manual_seed(0)
    return enliven(CASES[name][0]()), CASES[name][1]()


@pytest.mark.parametrize("name", CASES)
def test_any_form_is_opened_counted_and_cut(name: str) -> None:
    model, inputs = built(name)
    axis = 1 if name == "steps first" else 0
    space = ChannelSpace.from_model(model, inputs, axis)
    reasons = {group.fixed for group in space.groups} - {None}
    assert reasons <= {"the model's output", "looked up by number: ArgMax of the model"}
    assert space.free and (not space.branches) == (name not in ("audio", "video"))
    file = onnx.load_from_string(space.template.base)
    onnx.checker.check_model(file, full_check=True)
    assert [one.name for one in file.graph.output] == CASES[name][2]
    assert {one.name for one in file.graph.input} == set(flattened_inputs(inputs))
    assert space.template.dynamic_batch
    choose = random.Random(0)
    for widths in (space.full, *(drawn_widths(space, choose) for _ in range(3))):
        plan = space.plan(widths)
        content = space.template.candidate(space.slice_state(plan))
        file = functools.partial(bytes, content)
        assert problem_with(plan, model, file, inputs, batch=3, batch_axis=axis) is None
        pruned = plan.apply(model)
        counting = FlopCounterMode(display=False)
        with torch.no_grad(), counting as counter:
            call(pruned, inputs)
        assert space.macs(widths) == counter.get_total_flops() // 2
        assert space.params(widths) == sum(one.numel() for one in pruned.parameters())


def test_the_check_sees_each_output() -> None:
    model, inputs = built("dict")
    space = ChannelSpace.from_model(model, inputs)
    plan = space.plan(space.full)
    other = enliven(Heads("dict"), seed=1)
    other.load_state_dict(model.state_dict())
    with torch.no_grad():
        other.heads[1].bias.add_(0.1)
    found = problem_with(plan, other, lambda: space.template.base, inputs, batch=1)
    assert found is not None
    assert found.startswith("output 'levels.1': torch and ONNX Runtime differ by")


def test_a_file_takes_many_examples_of_several_inputs() -> None:
    model, _ = built("two inputs")
    many = (torch.randn(5, 3, 16, 16), torch.randn(5, 7))
    space = ChannelSpace.from_model(model, many)
    given = {name: one.numpy() for name, one in flattened_inputs(many).items()}
    with torch.no_grad():
        expected = flattened_outputs(call(model, many))["output"].numpy()
    np.testing.assert_allclose(
        run_onnx(space.template.base, given)[0], expected, rtol=1e-4, atol=1e-5
    )


def test_the_first_example_is_taken_from_the_batch_axis() -> None:
    model, _ = built("steps first")
    space = ChannelSpace.from_model(model, torch.randn(8, 4, 6), 1)
    assert space.macs(space.full) == 8 * (6 * 14 + 14 * 12 + 12 * 5)

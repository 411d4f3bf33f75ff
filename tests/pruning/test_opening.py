import pytest
import torch
from torch import nn

from edgeprune.errors import SpaceError
from edgeprune.pruning import ChannelSpace
from tests.pruning.nets import IMAGE, Residual, build, conv


def _open(model: nn.Module, **settings: object) -> ChannelSpace:
    return ChannelSpace.from_model(model, torch.randn(IMAGE), **settings)


def test_the_model_is_left_as_it_was() -> None:
    model = Residual().train()
    model.stem[1].eval()
    modes = [module.training for module in model.modules()]
    before = {name: one.clone() for name, one in model.state_dict().items()}
    space = _open(model)
    space.plan(space.scaled(0.5)).apply(model)
    assert [module.training for module in model.modules()] == modes
    assert all(torch.equal(one, before[name]) for name, one in model.state_dict().items())
    assert all(parameter.grad is None for parameter in model.parameters())


@pytest.mark.parametrize("shape", [(3, 16, 16), (1, 3, 16), (1, 1, 3, 16, 16)])
def test_inputs_of_a_rank_that_the_model_does_not_take_are_blamed_on_the_module(
    shape: tuple[int, ...],
) -> None:
    with pytest.raises(SpaceError, match=r"'stem\.0' \(Conv2d\) fails on an input of shape \(1, "):
        ChannelSpace.from_model(build("residual"), torch.randn(shape))


@pytest.mark.parametrize(
    "example", [None, "image", [torch.zeros(IMAGE), 3], torch.zeros(0, 3, 4, 4)]
)
def test_an_example_that_holds_no_numbers_is_named(example: object) -> None:
    with pytest.raises(SpaceError, match="the example input"):
        ChannelSpace.from_model(build("residual"), example)


@pytest.mark.parametrize("axis", [4, -5])
def test_a_batch_axis_that_the_example_lacks_is_named(axis: int) -> None:
    with pytest.raises(SpaceError, match=rf"the batch axis is {axis}.*allowed: one of its axes"):
        ChannelSpace.from_model(build("residual"), torch.zeros(IMAGE), axis)


def test_integer_inputs_are_named() -> None:
    with pytest.raises(SpaceError, match=r"torch\.uint8"):
        ChannelSpace.from_model(build("residual"), torch.zeros(IMAGE, dtype=torch.uint8))


def test_a_model_that_does_not_run_is_blamed_on_the_module() -> None:
    model = Residual()
    model.narrow[0] = nn.Conv2d(11, 10, 1)
    with pytest.raises(SpaceError, match=r"module 'narrow\.0' \(Conv2d\) fails"):
        _open(model)


class _Untraceable(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * torch.linalg.matrix_exp(x[..., :2, :2]).sum()


def test_a_model_that_cannot_be_traced_is_blamed_on_the_module(
    capfd: pytest.CaptureFixture[str],
) -> None:
    model = nn.Sequential(conv(3, 8), nn.Sequential(conv(8, 8), _Untraceable()))
    model.append(nn.Sequential(nn.Flatten(), nn.Linear(8 * 256, 5)))
    with pytest.raises(SpaceError, match=r"module '1\.1' \(_Untraceable\) cannot be traced"):
        _open(model)
    assert capfd.readouterr().out == ""  # the exporter likes to print the whole graph


class _Counting(Residual):
    def forward(self, x: torch.Tensor) -> object:
        return {"scores": [super().forward(x), len(x)]}


def test_an_output_that_is_no_tensor_is_named_by_its_path() -> None:
    with pytest.raises(SpaceError, match=r"outputs\['scores'\]\[1\] is int 1; allowed: tensors"):
        _open(_Counting())


def test_a_model_without_layers_is_refused() -> None:
    with pytest.raises(SpaceError, match="no convolution or linear layer"):
        _open(nn.Flatten())


@pytest.mark.parametrize("ratio", [0, -0.2, 1.5, float("nan"), "half", True])
def test_min_keep_must_be_a_share(ratio: object) -> None:
    with pytest.raises(SpaceError, match=r"min_keep .* allowed: a number above 0 and at most 1"):
        _open(build("residual"), min_keep=ratio)


@pytest.mark.parametrize("multiple", [0, -8, 2.5, True])
def test_the_multiple_must_be_a_count(multiple: object) -> None:
    with pytest.raises(SpaceError, match=r"multiple .* allowed: a whole number from 1"):
        _open(build("residual"), multiple=multiple)


def test_patterns_choose_groups() -> None:
    only = _open(build("residual"), include=("inner*", "narrow.?"))
    assert set(only.choices) == {"inner.0", "narrow.0"}
    without = _open(build("residual"), exclude=("stem.0",))
    assert set(without.choices) == {"inner.0", "narrow.0"}
    both = _open(build("residual"), include=("*",), exclude=("inner*",))
    assert set(both.choices) == {"stem.0", "narrow.0"}
    reasons = {group.name: group.fixed for group in both.groups}
    assert reasons["inner.0"] == "excluded by 'inner*'"
    assert reasons["head"] == "the model's output"


@pytest.mark.parametrize("kind", ["include", "exclude"])
def test_patterns_that_match_nothing_are_errors(kind: str) -> None:
    with pytest.raises(SpaceError, match=f"{kind} pattern 'iner.0'.*did you mean 'inner.0'"):
        _open(build("residual"), **{kind: ("iner.0",)})
    with pytest.raises(SpaceError, match=r"cut in group 'stem\.0'"):
        _open(build("residual"), **{kind: ("outer",)})


def test_a_space_without_anything_to_cut_is_no_error() -> None:
    model = nn.Sequential(nn.Flatten(), nn.Linear(768, 5))
    space = _open(model)
    assert space.free == ()
    assert space.cuttable_macs_share == 0
    assert space.macs({}) == 768 * 5
    assert space.params({}) == 768 * 5 + 5
    assert space.features.shape == (0, len(space.feature_names))
    assert space.plan({}).slices == {}
    assert space.template.candidate(space.slice_state(space.plan({}))) == space.template.base

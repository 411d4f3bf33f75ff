"""Single weights: which of them go, that they never come back, and what chooses densities."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn

from edgeprune.errors import SpaceError
from edgeprune.pruning import WeightPlan, WeightSpace, load_plan
from edgeprune.pruning.spaces.weights import LEAST_WEIGHTS
from tests.models import tiny_cnn


@pytest.fixture
def model() -> nn.Module:
    torch.manual_seed(0)
    return tiny_cnn().eval()


def _weights(model: nn.Module, space: WeightSpace) -> dict[str, torch.Tensor]:
    modules = dict(model.named_modules())
    return {name: modules[name].weight.detach() for name in space.layers}


def test_the_largest_magnitudes_stay(model: nn.Module) -> None:
    space = WeightSpace(model)
    masked = space.plan(space.scaled(0.3)).apply(model)
    before = _weights(model, space)
    for name, after in _weights(masked, space).items():
        kept = after != 0
        assert kept.float().mean() == pytest.approx(0.3, abs=0.01)
        assert before[name][kept].abs().min() >= before[name][~kept].abs().max()
        assert torch.equal(after[kept], before[name][kept])


def test_masks_are_monotone_even_where_magnitudes_are_equal(model: nn.Module) -> None:
    for weight in model.parameters():
        weight.data = weight.data.sign()
    space = WeightSpace(model)
    found = [_weights(space.plan(space.scaled(share)).apply(model), space) for share in (0.2, 0.5)]
    for name in space.layers:
        smaller, larger = (one[name] != 0 for one in found)
        assert larger[smaller].all() and larger.sum() > smaller.sum()


def test_the_model_itself_is_not_masked(model: nn.Module) -> None:
    space = WeightSpace(model)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    space.plan(space.scaled(0.1)).apply(model)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_no_layer_is_emptied(model: nn.Module) -> None:
    space = WeightSpace(model)
    for densities in (space.scaled(0.0), space.by_magnitude(0.001), space.by_deviations(9.0)):
        kept = space.plan(densities).kept
        assert all(kept[name] >= min(LEAST_WEIGHTS, size) for name, size in space.full.items())


@pytest.mark.parametrize("density", [0.5, 0.2, 0.05])
def test_global_magnitude_has_one_threshold_and_keeps_the_budget(
    model: nn.Module, density: float
) -> None:
    model.conv2.weight.data *= 0.2
    space = WeightSpace(model)
    densities = space.by_magnitude(density)
    assert 0.93 * density <= space.density(densities) <= density
    assert densities["conv2"] < densities["conv1"]
    everything = torch.cat([one.flatten().abs() for one in _weights(model, space).values()])
    limit = float(everything.quantile(1 - density))
    after = _weights(space.plan(densities).apply(model), space)
    above = {
        name: (one.abs() > limit).float().mean() for name, one in _weights(model, space).items()
    }
    for name, one in after.items():
        least = space.choices[name][0] / 1000
        expected = max(least, float(above[name]))
        assert float((one != 0).float().mean()) == pytest.approx(expected, abs=0.03)


def test_a_threshold_in_deviations_is_that_of_the_layer(model: nn.Module) -> None:
    space = WeightSpace(model)
    weight = model.conv1.weight.detach()
    share = float((weight.abs() >= 0.7 * weight.std(unbiased=False)).float().mean())
    assert space.above("conv1", 0.7) / 1000 == pytest.approx(share, abs=1e-6)
    assert space.above("conv1", 0.0) == 1000
    assert space.by_deviations(0.7)["conv1"] == round(1000 * share)


def test_density_and_parameters_count_what_is_kept(model: nn.Module) -> None:
    space = WeightSpace(model)
    densities = {**space.scaled(0.5), "head": 1000}
    masked = space.plan(densities).apply(model)
    zeros = sum(int((one == 0).sum()) for one in _weights(masked, space).values())
    total = sum(space.full.values())
    assert space.density(densities) == pytest.approx(1 - zeros / total)
    assert space.costs(densities).parameters == sum(p.numel() for p in model.parameters()) - zeros


def test_a_saved_plan_is_the_same_plan(model: nn.Module, tmp_path: Path) -> None:
    space = WeightSpace(model)
    plan = space.plan(space.scaled(0.25))
    plan.save(tmp_path / "plan.json")
    read = load_plan(tmp_path / "plan.json")
    assert read == plan
    expected, found = plan.apply(model).state_dict(), read.apply(model).state_dict()
    assert all(torch.equal(found[name], value) for name, value in expected.items())


def test_wrong_densities_files_and_models_are_named(model: nn.Module, tmp_path: Path) -> None:
    space = WeightSpace(model)
    good = space.scaled(0.5)
    with pytest.raises(SpaceError, match=r"unknown layer 'conv3'.*did you mean 'conv"):
        space.plan({**good, "conv3": 500})
    with pytest.raises(SpaceError, match="'conv1' is 1001; allowed: whole thousandths from 5"):
        space.plan({**good, "conv1": 1001})
    with pytest.raises(SpaceError, match="'head' is None"):
        space.plan({name: good[name] for name in space.layers if name != "head"})
    with pytest.raises(SpaceError, match="another architecture"):
        replace(space.plan(good), fingerprint="0" * 64).apply(model)
    with pytest.raises(SpaceError, match="no convolution"):
        WeightSpace(nn.ReLU())
    with pytest.raises(SpaceError, match="cannot be read"):
        WeightPlan.load(tmp_path / "none.json")
    (tmp_path / "plan.json").write_text('{"format": 1, "widths": {}}')
    with pytest.raises(SpaceError, match="no edgeprune plan of single weights"):
        WeightPlan.load(tmp_path / "plan.json")


def test_completing_takes_the_smallest_weights_of_those_that_are_left() -> None:
    space = WeightSpace(tiny_cnn())
    full = dict.fromkeys(space.layers, 1000)
    assert space.completed(full, 0.3) == space.by_magnitude(0.3)
    starved = {**full, "conv2": 50}
    found = space.completed(starved, 0.3)
    assert found["conv2"] == 50 and space.density(found) <= 0.3
    # What one layer gave up, the others keep.
    others = [name for name in space.layers if name != "conv2"]
    assert all(found[name] >= space.by_magnitude(0.3)[name] for name in others)
    assert space.density(found) > 0.29


def test_only_layers_that_are_named_lose_weights() -> None:
    space = WeightSpace(tiny_cnn(), include=["conv*"], exclude=["conv1"])
    assert space.layers == ("conv2",)
    with pytest.raises(SpaceError, match=r"'conv9\*' matches no layer"):
        WeightSpace(tiny_cnn(), include=["conv9*"])
    with pytest.raises(SpaceError, match="nothing is left to prune"):
        WeightSpace(tiny_cnn(), exclude=["*"])

import warnings

import numpy as np
import pytest
import torch
from torch import nn

from edgeprune.errors import SpaceError
from edgeprune.pruning import CRITERIA, ChannelSpace
from edgeprune.pruning.importance import fpgm, l1, l2, layer_members
from tests.pruning.nets import IMAGE, build


def _space(name: str = "residual") -> tuple[nn.Module, ChannelSpace]:
    model = build(name)
    return model, ChannelSpace.from_model(model, torch.randn(IMAGE))


def _batches() -> list[tuple[torch.Tensor, torch.Tensor]]:
    generator = torch.Generator().manual_seed(0)
    return [
        (torch.randn((4, *IMAGE[1:]), generator=generator), torch.tensor([0, 1, 2, 3]))
        for _ in range(2)
    ]


def _unit(values: torch.Tensor) -> np.ndarray:
    return (values / values.mean()).double().numpy()


def test_l1_by_hand() -> None:
    model, space = _space()
    made = model.inner[0].weight.detach().abs().sum((1, 2, 3))
    read = model.outer.weight.detach().abs().sum((0, 2, 3))
    expected = (_unit(made) + _unit(read)) / 2
    np.testing.assert_allclose(space.importance("l1")["inner.0"], expected, rtol=1e-6)


def test_l2_by_hand() -> None:
    model, space = _space()
    made = model.inner[0].weight.detach().square().sum((1, 2, 3)).sqrt()
    read = model.outer.weight.detach().square().sum((0, 2, 3)).sqrt()
    expected = (_unit(made) + _unit(read)) / 2
    np.testing.assert_allclose(space.importance("l2")["inner.0"], expected, rtol=1e-6)


def test_fpgm_is_lowest_for_the_filter_nearest_to_all_others() -> None:
    model, space = _space("unsaved buffer")
    with torch.no_grad():
        weight = model.first[0].weight
        weight[3] = weight[[0, 1, 2, *range(4, 12)]].mean(0)
    group = next(one for one in space.free if one.name == "first.0")
    member = next(one for one in group.members if one.parameter == "first.0.weight")
    scores = fpgm(weight.detach(), member)
    assert scores.argmin() == 3
    rows = weight.detach().flatten(1)
    np.testing.assert_allclose(scores[5], (rows - rows[5]).norm(dim=1).sum().item(), rtol=1e-4)


def test_bn_scale_by_hand_and_l1_where_there_is_none() -> None:
    model, space = _space()
    scores = space.importance("bn_scale")
    expected = _unit(model.inner[1].weight.detach().abs())
    np.testing.assert_allclose(scores["inner.0"], expected, rtol=1e-6)
    _, space = _space("layer scale")
    np.testing.assert_array_equal(
        space.importance("bn_scale")["stem"], space.importance("l1")["stem"]
    )


def test_taylor_is_the_squared_first_order_effect() -> None:
    model, space = _space()
    expected = 0
    for images, labels in _batches():
        loss = nn.functional.cross_entropy(model(images), labels)
        weights = (model.inner[0].weight, model.outer.weight)
        made, read = torch.autograd.grad(loss, weights)
        expected = expected + np.stack(
            [
                (made * weights[0]).sum((1, 2, 3)).square().detach().double(),
                (read * weights[1]).sum((0, 2, 3)).square().detach().double(),
            ]
        )
    expected = (expected / expected.mean(1, keepdims=True)).mean(0)
    found = space.importance("taylor", _batches())["inner.0"]
    np.testing.assert_allclose(found, expected, rtol=1e-3)


def test_taylor_leaves_no_trace() -> None:
    model, space = _space()
    model.head.weight.requires_grad_(False)
    before = {name: one.clone() for name, one in model.state_dict().items()}
    space.importance("taylor", _batches())
    assert all(parameter.grad is None for parameter in model.parameters())
    assert not model.head.weight.requires_grad
    assert all(torch.equal(one, before[name]) for name, one in model.state_dict().items())


def test_taylor_needs_images() -> None:
    _, space = _space()
    with pytest.raises(SpaceError, match="needs labelled images"):
        space.importance("taylor")
    with pytest.raises(SpaceError, match="got no images"):
        space.importance("taylor", [])


def test_unknown_criteria_are_named() -> None:
    _, space = _space()
    with pytest.raises(SpaceError, match=r"'tailor' is unknown.*did you mean 'taylor'"):
        space.importance("tailor")
    with pytest.raises(SpaceError, match="'l3' is unknown"):
        space.plan({}, "l3")


@pytest.mark.parametrize("criterion", CRITERIA)
@pytest.mark.parametrize("name", ["residual", "grouped", "flatten", "shuffle", "layer scale"])
def test_scores_are_finite_average_one_and_fit_the_units(name: str, criterion: str) -> None:
    _, space = _space(name)
    scores = space.importance(criterion, _batches())
    for group in space.free:
        assert scores[group.name].shape == (group.units,)
        assert scores[group.name].mean() == pytest.approx(1)
    plan = space.plan(space.scaled(0.5), criterion, scores=scores)
    assert plan.criterion == criterion


def test_no_layer_dominates() -> None:
    model, space = _space()
    before = space.importance("l1")["inner.0"]
    with torch.no_grad():
        model.outer.weight.mul_(1000)
    np.testing.assert_allclose(space.importance("l1")["inner.0"], before, rtol=1e-5)


def test_layers_of_zeros_do_no_harm() -> None:
    model, space = _space()
    with torch.no_grad():
        model.outer.weight.zero_()
    for criterion in ("l1", "l2", "fpgm"):
        assert np.isfinite(space.importance(criterion)["inner.0"]).all()


@pytest.mark.parametrize(("power", "measure"), [(1, l1), (2, l2)])
@pytest.mark.parametrize("name", ["residual", "dense", "flatten", "squeeze-excite"])
def test_norms_agree_with_torch_pruning(name: str, power: int, measure: object) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import torch_pruning
    model, space = _space(name)
    graph = torch_pruning.DependencyGraph().build_dependency(model, torch.randn(IMAGE))
    theirs = torch_pruning.importance.GroupMagnitudeImportance(
        p=power, group_reduction="sum", normalizer=None, target_types=[nn.Conv2d, nn.Linear]
    )
    modules = dict(model.named_modules())
    weights = model.state_dict()
    for group in space.free:
        layer = modules[group.name]
        prune = torch_pruning.prune_conv_out_channels
        if isinstance(layer, nn.Linear):
            prune = torch_pruning.prune_linear_out_channels
        found = graph.get_pruning_group(layer, prune, list(range(group.channels)))
        ours = sum(measure(weights[one.parameter], one) ** power for one in layer_members(group))
        np.testing.assert_allclose(ours, theirs(found).numpy(), rtol=1e-4)

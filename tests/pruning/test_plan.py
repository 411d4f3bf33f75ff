import json
from pathlib import Path

import numpy as np
import pytest
import torch

from edgeprune.errors import SpaceError
from edgeprune.pruning import ChannelSpace, Plan
from tests.pruning.nets import IMAGE, Residual, build
from tests.pruning.promises import output


@pytest.fixture(scope="module")
def space() -> ChannelSpace:
    return ChannelSpace.from_model(build("residual"), torch.randn(IMAGE))


def test_the_most_important_units_stay(space: ChannelSpace) -> None:
    scores = {group.name: np.arange(group.units, dtype=float) for group in space.free}
    scores["inner.0"] = -scores["inner.0"]
    plan = space.plan({"stem.0": 3, "inner.0": 2}, "mine", scores=scores)
    assert plan.kept["stem.0"] == (9, 10, 11)
    assert plan.kept["inner.0"] == (0, 1)
    assert plan.kept["narrow.0"] == tuple(range(10))
    assert plan.criterion == "mine"
    assert plan.widths == {"stem.0": 3, "inner.0": 2, "narrow.0": 10}


def test_of_equal_units_the_first_stay(space: ChannelSpace) -> None:
    scores = {group.name: np.ones(group.units) for group in space.free}
    assert space.plan({"stem.0": 4}, scores=scores).kept["stem.0"] == (0, 1, 2, 3)


def test_scores_that_do_not_fit_are_named(space: ChannelSpace) -> None:
    good = {group.name: np.ones(group.units) for group in space.free}
    for bad in (np.ones(3), np.full(20, np.nan), None):
        scores = {**good, "inner.0": bad}
        with pytest.raises(SpaceError, match=r"scores of group 'inner\.0'.*20 finite numbers"):
            space.plan({"inner.0": 4}, scores=scores)


def test_slices_name_what_is_cut_and_nothing_else(space: ChannelSpace) -> None:
    plan = space.plan({"inner.0": 4})
    kept = plan.kept["inner.0"]
    norm = ("weight", "bias", "running_mean", "running_var")
    assert plan.slices == {
        "inner.0.weight": {0: kept},
        **{f"inner.1.{name}": {0: kept} for name in norm},
        "outer.weight": {1: kept},
    }


def test_the_base_model_is_not_touched_and_shares_nothing(space: ChannelSpace) -> None:
    model = build("residual")
    before = {name: one.clone() for name, one in model.state_dict().items()}
    pruned = space.plan({"stem.0": 5}).apply(model)
    with torch.no_grad():
        for tensor in pruned.state_dict().values():
            tensor.zero_()
    assert all(torch.equal(one, before[name]) for name, one in model.state_dict().items())


def test_sizes_that_modules_remember_are_set(space: ChannelSpace) -> None:
    pruned = space.plan({"stem.0": 5, "inner.0": 7}).apply(build("residual"))
    assert (pruned.stem[0].in_channels, pruned.stem[0].out_channels) == (3, 5)
    assert (pruned.inner[0].in_channels, pruned.inner[0].out_channels) == (5, 7)
    assert pruned.inner[1].num_features == 7
    assert (pruned.head.in_features, pruned.head.out_features) == (5, 5)
    scaled = build("layer scale")
    space = ChannelSpace.from_model(scaled, torch.randn(IMAGE))
    assert space.plan({"stem": 5}).apply(scaled).norm.normalized_shape == (5,)


def test_frozen_parameters_stay_frozen(space: ChannelSpace) -> None:
    model = build("residual")
    model.stem[0].weight.requires_grad_(False)
    pruned = space.plan({"stem.0": 5}).apply(model)
    assert not pruned.stem[0].weight.requires_grad
    assert pruned.head.weight.requires_grad


def test_a_plan_prunes_models_with_other_weights(space: ChannelSpace) -> None:
    plan = space.plan({"stem.0": 5, "narrow.0": 3})
    torch.manual_seed(7)
    other = Residual().eval()
    sliced = plan.apply(other)
    kept = torch.tensor(plan.kept["stem.0"])
    assert torch.equal(sliced.stem[0].weight, other.stem[0].weight[kept])


def test_sliced_state_is_the_pruned_models(space: ChannelSpace) -> None:
    plan = space.plan(space.scaled(0.4))
    expected = plan.apply(build("residual")).state_dict()
    found = space.slice_state(plan)
    assert list(found) == list(expected)
    assert all(torch.equal(found[name], expected[name]) for name in expected)


def test_saved_plans_are_plain_json_and_come_back_equal(
    space: ChannelSpace, tmp_path: Path
) -> None:
    plan = space.plan(space.scaled(0.4))
    plan.save(tmp_path / "plan.json")
    json.loads((tmp_path / "plan.json").read_text())
    again = Plan.load(tmp_path / "plan.json")
    assert again == plan
    image = torch.randn(IMAGE)
    model = build("residual")
    assert torch.equal(output(again.apply(model), image), output(plan.apply(model), image))


def test_plans_of_another_architecture_are_refused(space: ChannelSpace) -> None:
    plan = space.plan({"stem.0": 5})
    with pytest.raises(SpaceError, match="another architecture"):
        plan.apply(build("depthwise"))
    with pytest.raises(SpaceError, match="another architecture"):
        plan.apply(plan.apply(build("residual")))
    other = ChannelSpace.from_model(build("depthwise"), torch.randn(IMAGE))
    with pytest.raises(SpaceError, match="another architecture"):
        other.slice_state(plan)


@pytest.mark.parametrize(
    "content", ["", "[]", "{}", '{"format": 99}', '{"format": 1, "widths": {"a": "b"}}']
)
def test_files_that_are_no_plans_are_named(tmp_path: Path, content: str) -> None:
    path = tmp_path / "plan.json"
    path.write_text(content)
    with pytest.raises(SpaceError, match=r"plan\.json is no edgeprune plan"):
        Plan.load(path)


def test_a_missing_plan_is_named(tmp_path: Path) -> None:
    with pytest.raises(SpaceError, match=r"nowhere\.json cannot be read"):
        Plan.load(tmp_path / "nowhere.json")

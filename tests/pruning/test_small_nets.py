from pathlib import Path

import pytest
import torch

from edgeprune.pruning import ChannelSpace
from tests.pruning.nets import IMAGE, all_nets, build
from tests.pruning.promises import (
    TOLERANCE,
    check_plan,
    masked,
    onnx_output,
    output,
    random_widths,
    relative_difference,
    with_other_weights,
)

#: A normalisation over channels sees what is cut; a transposed convolution makes its channels on
#: the second axis of its weights, which `masked` does not know.
NOT_MASKED = {"group norm", "layer scale", "literal norm", "transposed"}


def _images(count: int = 1, seed: int = 1) -> torch.Tensor:
    return torch.randn((count, *IMAGE[1:]), generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("name", all_nets())
def test_random_plans_keep_all_promises(name: str, tmp_path: Path) -> None:
    model = build(name)
    space = ChannelSpace.from_model(model, _images())
    assert space.free
    for seed in range(6):
        widths = random_widths(space, seed)
        check_plan(space, model, with_other_weights(model), _images(), widths, tmp_path)


@pytest.mark.parametrize("name", [name for name in all_nets() if name != "literal norm"])
def test_no_group_needs_the_trial_cut_to_be_found_out(name: str) -> None:
    # The analysis alone must be right; the trial when opening is there for what it cannot know.
    model = build(name)
    checked = ChannelSpace.from_model(model, _images())
    unchecked = ChannelSpace.from_model(model, _images(), check=False)
    assert [group.fixed for group in checked.groups] == [group.fixed for group in unchecked.groups]


@pytest.mark.parametrize("name", [name for name in all_nets() if name not in NOT_MASKED])
def test_a_sliced_model_computes_what_the_masked_full_model_does(name: str) -> None:
    model = build(name)
    space = ChannelSpace.from_model(model, _images())
    for seed in range(3):
        plan = space.plan(random_widths(space, seed))
        expected = output(masked(model, plan), _images())
        assert relative_difference(output(plan.apply(model), _images()), expected) < 1e-5
        # ... and the mask was not idle.
        if plan.widths != space.full:
            assert relative_difference(expected, output(model, _images())) > 1e-4


@pytest.mark.parametrize("name", all_nets())
def test_one_file_runs_on_any_batch(name: str) -> None:
    model = build(name)
    space = ChannelSpace.from_model(model, _images())
    plan = space.plan(space.scaled(0.5))
    images = _images(3)
    pruned = plan.apply(model)
    expected = torch.cat([output(pruned, image[None]) for image in images])
    found = onnx_output(space.template.candidate(space.slice_state(plan)), images)
    assert relative_difference(found, expected) <= TOLERANCE

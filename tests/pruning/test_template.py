import hashlib
import os
import subprocess
import sys

import onnx
import pytest
import torch

from edgeprune.errors import SpaceError
from edgeprune.pruning import ChannelSpace
from tests.pruning.nets import IMAGE, all_nets, build
from tests.pruning.promises import TOLERANCE, onnx_output, output, relative_difference


@pytest.mark.parametrize("name", all_nets())
def test_files_pass_the_onnx_checker(name: str) -> None:
    space = ChannelSpace.from_model(build(name), torch.randn(IMAGE))
    plan = space.plan(space.scaled(0.5))
    for content in (space.template.base, space.template.candidate(space.slice_state(plan))):
        onnx.checker.check_model(onnx.load_from_string(content), full_check=True)


def test_a_file_says_what_goes_in_and_out() -> None:
    space = ChannelSpace.from_model(build("residual"), torch.randn(IMAGE))
    graph = onnx.load_from_string(space.template.base).graph
    (given,), (made,) = graph.input, graph.output
    assert (given.name, made.name) == ("input", "output")
    shapes = [
        [dim.dim_param or dim.dim_value for dim in value.type.tensor_type.shape.dim]
        for value in (given, made)
    ]
    assert shapes == [["batch", 3, 16, 16], ["batch", 5]]


def test_weights_keep_their_torch_names_even_where_they_are_equal() -> None:
    model = build("dense")
    for parameter in model.parameters():  # the exporter merges equal tensors
        torch.nn.init.constant_(parameter, 0.5)
    space = ChannelSpace.from_model(model, torch.randn(IMAGE))
    names = {one.name for one in onnx.load_from_string(space.template.base).graph.initializer}
    assert {name for name, _ in model.named_parameters()} <= names


def test_sizes_are_numbers_in_the_file_not_computed_at_run_time() -> None:
    space = ChannelSpace.from_model(build("shuffle"), torch.randn(IMAGE))
    operators = {node.op_type for node in onnx.load_from_string(space.template.base).graph.node}
    assert not operators & {"Shape", "Gather", "Unsqueeze", "Identity", "Constant", "Cast"}


def test_any_weights_of_a_pruned_model_fit() -> None:
    model = build("shuffle")
    image = torch.randn(IMAGE)
    space = ChannelSpace.from_model(model, image)
    pruned = space.plan(space.scaled(0.5)).apply(model)
    with torch.no_grad():
        for parameter in pruned.parameters():
            parameter.mul_(1.3)
    content = space.template.candidate(pruned.state_dict())
    assert relative_difference(onnx_output(content, image), output(pruned, image)) <= TOLERANCE
    as_arrays = {name: one.numpy() for name, one in pruned.state_dict().items()}
    assert space.template.candidate(as_arrays) == content


def test_equal_weights_make_equal_bytes() -> None:
    space = ChannelSpace.from_model(build("residual"), torch.randn(IMAGE))
    again = ChannelSpace.from_model(build("residual"), torch.randn(IMAGE))
    assert space.template.base == again.template.base


def test_bytes_do_not_depend_on_the_process() -> None:
    # Caches, and the simulated device's noise, go by the hash of a file.
    code = (
        "import hashlib, torch; from edgeprune.pruning import ChannelSpace;"
        "from tests.pruning.nets import IMAGE, build;"
        "space = ChannelSpace.from_model(build('shuffle'), torch.randn(IMAGE));"
        "print(hashlib.sha256(space.template.base).hexdigest())"
    )
    other = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"PYTHONHASHSEED": "1", "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    space = ChannelSpace.from_model(build("shuffle"), torch.randn(IMAGE))
    assert other.stdout.strip() == hashlib.sha256(space.template.base).hexdigest()


def test_weights_that_belong_to_no_plan_are_refused() -> None:
    space = ChannelSpace.from_model(build("residual"), torch.randn(IMAGE))
    state = dict(space.slice_state(space.plan({"stem.0": 5})))
    with pytest.raises(SpaceError, match=r"belong to no plan.*'inner\.0\.weight'"):
        space.template.candidate({**state, "inner.0.weight": state["inner.0.weight"][:, :4]})
    with pytest.raises(SpaceError, match=r"'head\.bias' has shape \(5, 1\)"):
        space.template.candidate({**state, "head.bias": state["head.bias"][:, None]})
    with pytest.raises(SpaceError, match=r"float64; allowed: float32"):
        space.template.candidate({**state, "head.bias": state["head.bias"].double()})
    state["hed.bias"] = state.pop("head.bias")
    with pytest.raises(SpaceError, match=r"no 'head\.bias'; did you mean 'hed\.bias'"):
        space.template.candidate(state)


class _BatchMixing(torch.nn.Module):
    """Adds the mean over the images of a batch: only a batch of one can be exported."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = torch.nn.Conv2d(3, 8, 3)
        self.head = torch.nn.Linear(8, 5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.conv(x).mean((2, 3))
        return self.head(x + x.mean(0, keepdim=True))


def test_models_that_mix_images_get_a_fixed_batch() -> None:
    model = _BatchMixing().eval()
    image = torch.randn(IMAGE)
    space = ChannelSpace.from_model(model, image)
    assert not space.template.dynamic_batch
    plan = space.plan({"conv": 4})
    content = space.template.candidate(space.slice_state(plan))
    shape = onnx.load_from_string(content).graph.input[0].type.tensor_type.shape
    assert shape.dim[0].dim_value == 1
    expected = output(plan.apply(model), image)
    assert relative_difference(onnx_output(content, image), expected) <= TOLERANCE

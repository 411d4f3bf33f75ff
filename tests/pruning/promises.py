"""What must hold for any plan of any model."""

import copy
import random
from collections import OrderedDict
from pathlib import Path

import onnxruntime
import torch
from safetensors.torch import load_file, save_model
from torch import Tensor, nn

from edgeprune.pruning import ChannelSpace, Plan

TOLERANCE = 1e-4


def random_widths(space: ChannelSpace, seed: int) -> dict[str, int]:
    """Any allowed widths; about a third of the branches are removed."""
    return drawn_widths(space, random.Random(seed))


def drawn_widths(space: ChannelSpace, choose: random.Random) -> dict[str, int]:
    """The next ones of a generator; see `random_widths`."""
    widths = {
        group.name: choose.choice([width for width in space.choices[group.name] if width])
        for group in space.free
    }
    for branch in space.branches:
        if choose.random() < 1 / 3:
            widths |= dict.fromkeys(branch.groups, 0)
    return widths


def output(model: nn.Module, images: Tensor) -> Tensor:
    with torch.no_grad():
        return model(images)


def onnx_output(content: bytes, images: Tensor) -> Tensor:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    return torch.from_numpy(session.run(["output"], {"input": images.numpy()})[0])


def relative_difference(found: Tensor, expected: Tensor) -> float:
    assert found.shape == expected.shape
    return float((found - expected).abs().max() / expected.abs().max())


def counted(model: nn.Module, images: Tensor) -> tuple[int, int]:
    """MACs and parameters, counted on the torch model by hooks."""
    macs = 0

    def count(module: nn.Module, inputs: tuple[Tensor], result: Tensor) -> None:
        nonlocal macs
        if isinstance(module, nn.Linear):
            macs += result.numel() * module.in_features
        elif isinstance(module, nn.ConvTranspose2d):
            macs += inputs[0].numel() * module.weight[0].numel()
        else:
            macs += result.numel() * module.weight[0].numel()

    kinds = (nn.Conv2d, nn.ConvTranspose2d, nn.Linear)
    handles = [
        module.register_forward_hook(count)
        for module in model.modules()
        if isinstance(module, kinds)
    ]
    output(model, images)
    for handle in handles:
        handle.remove()
    return macs, sum(parameter.numel() for parameter in model.parameters())


def check_plan(
    space: ChannelSpace,
    model: nn.Module,
    other: nn.Module,
    image: Tensor,
    widths: dict[str, int],
    folder: Path,
) -> None:
    """Run, counts, ONNX and reload, for one plan.

    `other` is of the same architecture with other weights: what a reload starts from.
    """
    plan = space.plan(widths)
    pruned = plan.apply(model)
    expected = output(pruned, image)
    assert expected.isfinite().all()
    assert counted(pruned, image) == (space.macs(widths), space.params(widths))

    content = space.template.candidate(space.slice_state(plan))
    assert relative_difference(onnx_output(content, image), expected) <= TOLERANCE

    plan.save(folder / "plan.json")
    save_model(pruned, str(folder / "weights.safetensors"))
    again = Plan.load(folder / "plan.json").apply(other)
    weights = OrderedDict(load_file(folder / "weights.safetensors"))
    weights._metadata = again.state_dict()._metadata  # MNASNet looks there for its version
    missing, unexpected = again.load_state_dict(weights, strict=False)
    assert not unexpected
    assert len(missing) == len(again.state_dict()) - len(weights)  # tied weights are saved once
    assert torch.equal(output(again, image), expected)


def with_other_weights(model: nn.Module) -> nn.Module:
    """The same architecture, as built anew: nothing of the first model's weights is left."""
    other = copy.deepcopy(model)
    with torch.no_grad():
        for tensor in other.state_dict().values():
            tensor.zero_()
    return other


def masked(model: nn.Module, plan: Plan) -> nn.Module:
    """The full model with everything zero that makes a cut channel.

    Weights, biases and normalisation scales are zero at the cut positions of their first axis,
    so the channels carry zeros, and what reads them does not matter. Removed branches end in
    zeros.
    """
    model = copy.deepcopy(model)
    for name, tensor in model.state_dict().items():
        kept = plan.slices.get(name, {}).get(0)
        if kept is not None:
            mask = torch.zeros(len(tensor), dtype=torch.bool)
            mask[list(kept)] = True
            tensor[~mask] = 0
    for edit in plan.edits:
        if edit.kind == "zeros":
            end = model.get_submodule(edit.name)
            end.register_forward_hook(lambda module, given, made: torch.zeros_like(made))
    return model

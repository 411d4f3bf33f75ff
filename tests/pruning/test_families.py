"""Every convolutional classifier of torchvision, and the CIFAR nets."""

from pathlib import Path

import pytest
import torch
from torch import nn

from edgeprune.config import ModelConfig
from edgeprune.pruning import ChannelSpace
from edgeprune.workloads import build_model
from edgeprune.workloads.models.torchvision_models import classifier_names
from tests.pruning.nets import enliven
from tests.pruning.promises import (
    check_plan,
    masked,
    output,
    random_widths,
    relative_difference,
    with_other_weights,
)

#: Attention, which is not what this is about.
TRANSFORMERS = ("maxvit", "swin", "vit")
#: Pixels; these pool to a fixed number of pixels, which must divide what they get.
SIDES = {"alexnet": 224, "vgg": 224, "inception_v3": 96}
#: The smallest of each family, for every day.
REPRESENTATIVES = (
    *("convnext_tiny", "densenet121", "efficientnet_b0", "googlenet", "inception_v3"),
    *("mnasnet0_5", "mobilenet_v2", "mobilenet_v3_small", "regnet_x_400mf", "regnet_y_400mf"),
    *("resnet18", "resnext50_32x4d", "shufflenet_v2_x0_5", "squeezenet1_1"),
)
CIFAR = ("resnet20", "resnet20-B", "mobilenet_v1")
EVERY_ONE = [name for name in classifier_names() if not name.startswith(TRANSFORMERS)]


def _build(name: str) -> nn.Module:
    torch.manual_seed(0)
    base, _, shortcut = name.partition("-")
    return enliven(build_model(ModelConfig(name=base, num_classes=10, shortcut=shortcut or "A")))


def _small(name: str) -> nn.Module:
    """AlexNet and VGG as they are, but for the sizes of their linear layers."""
    torch.manual_seed(0)
    model = build_model(ModelConfig(name=name, num_classes=10))
    layers = [module for module in model.classifier if isinstance(module, nn.Linear)]
    model.avgpool = nn.AdaptiveAvgPool2d(1)
    width = layers[0].in_features // (36 if name == "alexnet" else 49)
    layers[0].weight = nn.Parameter(layers[0].weight[:48, :width].detach().clone() * 4)
    layers[0].bias = nn.Parameter(layers[0].bias[:48].detach().clone())
    layers[1].weight = nn.Parameter(layers[1].weight[:40, :48].detach().clone() * 4)
    layers[1].bias = nn.Parameter(layers[1].bias[:40].detach().clone())
    layers[2].weight = nn.Parameter(layers[2].weight[:, :40].detach().clone() * 4)
    for layer in layers:
        layer.out_features, layer.in_features = layer.weight.shape
    return enliven(model)


def _image(name: str) -> torch.Tensor:
    side = next((side for start, side in SIDES.items() if name.startswith(start)), 64)
    if name in CIFAR:
        side = 32
    return torch.randn((1, 3, side, side), generator=torch.Generator().manual_seed(1))


def _check(model: nn.Module, image: torch.Tensor, folder: Path, plans: int) -> None:
    space = ChannelSpace.from_model(model, image)
    assert space.cuttable_macs_share >= 0.8, [group.fixed for group in space.groups]
    assert space.template.dynamic_batch
    other = with_other_weights(model)
    for seed in range(plans):
        check_plan(space, model, other, image, random_widths(space, seed), folder)
    if not any(isinstance(module, nn.LayerNorm) for module in model.modules()):
        plan = space.plan(random_widths(space, 0))
        expected = output(masked(model, plan), image)
        assert relative_difference(output(plan.apply(model), image), expected) < 1e-4


@pytest.mark.parametrize("name", [*REPRESENTATIVES, *CIFAR])
def test_one_of_each_family(name: str, tmp_path: Path) -> None:
    _check(_build(name), _image(name), tmp_path, plans=2)


@pytest.mark.parametrize(("name", "side"), [("alexnet", 64), ("vgg11_bn", 32)])
def test_families_with_large_linear_layers(name: str, side: int, tmp_path: Path) -> None:
    _check(_small(name), torch.randn(1, 3, side, side), tmp_path, plans=2)


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("name", [*EVERY_ONE, *CIFAR, "resnet56", "resnet110"])
def test_every_classifier(name: str, tmp_path: Path) -> None:
    model = _build(name)
    image = _image(name)
    space = ChannelSpace.from_model(model, image)
    assert space.cuttable_macs_share >= 0.8
    other = with_other_weights(model)
    for seed in range(20):
        check_plan(space, model, other, image, random_widths(space, seed), tmp_path)


def test_a_pruned_googlenet_can_be_trained_with_its_auxiliary_heads() -> None:
    model = build_model(ModelConfig(name="googlenet", args={"aux_logits": True}))
    space = ChannelSpace.from_model(model, torch.randn(1, 3, 64, 64))
    pruned = space.plan(space.scaled(0.3)).apply(model).train()
    scores = pruned(torch.randn(2, 3, 64, 64))
    assert [one.shape for one in scores] == [(2, 1000)] * 3
    assert sum(one.numel() for one in pruned.parameters()) == space.params(space.scaled(0.3))

import pytest
import torch
from torch import nn

from edgeprune.config import ModelConfig
from edgeprune.errors import WorkloadError
from edgeprune.workloads import build_model
from edgeprune.workloads.models.torchvision_models import classifier_names

USER = "tests.workloads.user_code"


def _parameters(model: nn.Module) -> int:
    return sum(parameter.numel() for parameter in model.parameters())


@pytest.mark.parametrize(
    ("name", "millions"),
    # He et al. 2016, table 6.
    [
        ("resnet20", 0.27),
        ("resnet32", 0.46),
        ("resnet44", 0.66),
        ("resnet56", 0.85),
        ("resnet110", 1.7),
    ],
)
def test_cifar_resnets_have_the_papers_size(name: str, millions: float) -> None:
    model = build_model(ModelConfig(name=name))
    assert _parameters(model) / 1e6 == pytest.approx(millions, abs=0.05 if millions > 1 else 0.006)
    convolutions = [each for each in model.modules() if isinstance(each, nn.Conv2d)]
    assert len(convolutions) + 1 == int(name.removeprefix("resnet"))


def test_parameter_names_are_akamasters() -> None:
    names = list(build_model(ModelConfig(name="resnet20")).state_dict())
    assert names[:3] == ["conv1.weight", "bn1.weight", "bn1.bias"]
    assert "layer2.0.conv2.weight" in names and "layer3.2.bn1.running_var" in names
    assert names[-2:] == ["linear.weight", "linear.bias"]
    assert not [name for name in names if "shortcut" in name]


def test_shortcut_a_is_every_second_pixel_between_zero_channels() -> None:
    model = build_model(ModelConfig(name="resnet20"))
    features = torch.randn(2, 16, 9, 9)
    shortcut = model.get_submodule("layer2.0.shortcut")(features)
    assert shortcut.shape == (2, 32, 5, 5)
    assert torch.equal(shortcut[:, 8:24], features[:, :, ::2, ::2])
    assert not shortcut[:, :8].any() and not shortcut[:, 24:].any()


def test_shortcut_b_has_a_convolution_where_the_shape_changes() -> None:
    model = build_model(ModelConfig(name="resnet20", shortcut="B"))
    names = [name for name in model.state_dict() if "shortcut" in name and "weight" in name]
    assert names == [
        "layer2.0.shortcut.0.weight",
        "layer2.0.shortcut.1.weight",
        "layer3.0.shortcut.0.weight",
        "layer3.0.shortcut.1.weight",
    ]
    assert model(torch.randn(2, 3, 32, 32)).shape == (2, 10)


def test_mobilenet_v1_keeps_small_images_wide() -> None:
    model = build_model(ModelConfig(name="mobilenet_v1", num_classes=7))
    seen = []
    layers = model.get_submodule("layers")
    layers.register_forward_hook(lambda module, inputs, output: seen.append(output.shape))
    assert model(torch.randn(2, 3, 32, 32)).shape == (2, 7)
    assert seen == [(2, 1024, 2, 2)]
    # Howard et al. 2017 give 4.2 million, of which 1.0 is the 1000-class layer.
    assert _parameters(model) / 1e6 == pytest.approx(3.2, abs=0.05)
    half = build_model(ModelConfig(name="mobilenet_v1", args={"width": 0.5}))
    assert half.get_submodule("conv1").weight.shape[0] == 16


def test_cifar_resnet_matches_the_published_forward() -> None:
    model = build_model(ModelConfig(name="resnet20"))
    images = torch.randn(2, 3, 32, 32)
    block = model.get_submodule("layer1.0")
    stem = torch.relu(model.get_submodule("bn1")(model.get_submodule("conv1")(images)))
    inner = torch.relu(block.get_submodule("bn1")(block.get_submodule("conv1")(stem)))
    inner = block.get_submodule("bn2")(block.get_submodule("conv2")(inner))
    assert torch.allclose(block(stem), torch.relu(inner + stem), atol=1e-6)


@pytest.mark.parametrize("name", ["mobilenet_v3_small", "squeezenet1_1", "shufflenet_v2_x0_5"])
def test_torchvision_classifiers_by_name(name: str) -> None:
    model = build_model(ModelConfig(name=name, num_classes=6))
    assert not model.training
    assert model(torch.randn(1, 3, 64, 64)).shape == (1, 6)


def test_googlenet_gives_one_tensor_even_while_training() -> None:
    model = build_model(ModelConfig(name="googlenet", num_classes=3)).train()
    assert model(torch.randn(2, 3, 64, 64)).shape == (2, 3)


def test_all_torchvision_classifiers_are_known_and_no_other_kind() -> None:
    names = classifier_names()
    assert {"resnet18", "vgg16_bn", "vit_b_16", "densenet121"} <= set(names)
    assert not [name for name in names if "rcnn" in name or "quantized" in name or "r3d" in name]


def test_weights_follow_the_seed_and_leave_the_global_state_alone() -> None:
    config = ModelConfig(name="resnet20")
    before = torch.get_rng_state()
    one, same, other = (build_model(config, seed=seed) for seed in (3, 3, 4))
    assert torch.equal(before, torch.get_rng_state())
    assert torch.equal(one.get_parameter("linear.weight"), same.get_parameter("linear.weight"))
    assert not torch.equal(one.get_parameter("conv1.weight"), other.get_parameter("conv1.weight"))


def test_a_users_function_gets_the_classes_if_it_asks_for_them() -> None:
    model = build_model(ModelConfig(name=f"{USER}:grey_model", num_classes=5, args={"width": 3}))
    assert model(torch.randn(2, 1, 12, 12)).shape == (2, 5)
    assert not model.training
    assert build_model(ModelConfig(name=f"{USER}:gives_map", num_classes=5)) is not None


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"name": "resnet21"}, r"'resnet21'; allowed: resnet20.*did you mean 'resnet"),
        ({"name": "mobilenet_v4"}, "any torchvision classifier.*did you mean 'mobilenet_v"),
        ({"name": "resnet18", "shortcut": "B"}, "shortcut is 'B', but 'resnet18' has no such"),
        ({"name": "resnet20", "args": {"widht": 2}}, "takes no 'widht'"),
        ({"name": "resnet20", "args": {"shortcut": "B"}}, r"workload\.model\.shortcut"),
        ({"name": "mobilenet_v1", "args": {"width": 0}}, r"width is 0; allowed: above 0"),
        ({"name": "mobilenet_v1", "args": {"width": "wide"}}, "failed: TypeError"),
        ({"name": "resnet18", "args": {"depth": 3}}, "do not fit torchvision's resnet18"),
        ({"name": f"{USER}:no_model"}, "gave a str; allowed: torch.nn.Module"),
        ({"name": f"{USER}:failing"}, "RuntimeError: the disk is on fire"),
        ({"name": f"{USER}:grey_modle"}, "did you mean 'grey_model'"),
    ],
)
def test_models_that_cannot_be_built(settings: dict[str, object], message: str) -> None:
    with pytest.raises(WorkloadError, match=message):
        build_model(ModelConfig(**settings))

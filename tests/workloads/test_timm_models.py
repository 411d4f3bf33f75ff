"""Models of timm by name; nothing is fetched here."""

import importlib.util
import os
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from edgeprune.config import DataConfig, ModelConfig
from edgeprune.errors import WorkloadError
from edgeprune.pipeline.proposal import Wishes, propose
from edgeprune.workloads import build_model
from edgeprune.workloads.datasets import open_dataset
from edgeprune.workloads.models.registry import published_recipe

if importlib.util.find_spec("timm") is None and not os.environ.get("CI"):
    pytest.skip("timm is not installed: pip install 'edgeprune[timm]'", allow_module_level=True)

NAME = "timm:mobilenetv4_conv_small.e2400_r224_in1k"


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three classes of images that are larger than what is decoded once."""
    root = tmp_path_factory.mktemp("photos")
    random = np.random.default_rng(0)
    for part in ("train", "val", "test"):
        for label in "abc":
            folder = root / part / label
            folder.mkdir(parents=True)
            for index in range(2):
                pixels = random.integers(0, 255, (325, 260, 3), dtype=np.uint8)
                Image.fromarray(pixels).save(folder / f"{index}.png")
    return root


def test_a_model_by_name() -> None:
    model = build_model(ModelConfig(name=NAME, num_classes=5, args={"drop_rate": 0.1}))
    assert model(torch.randn(1, 3, 64, 64)).shape == (1, 5)
    again = build_model(ModelConfig(name=NAME, num_classes=5))
    assert torch.equal(model.get_parameter("conv_stem.weight"), again.conv_stem.weight)  # type: ignore[union-attr,arg-type]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"name": "timm:mobilenetv4_conv_smal"}, "did you mean 'timm:mobilenetv4_conv_small'"),
        (
            {"name": "timm:resnet18.a1_in2k"},
            "no such weights of resnet18.*did you mean 'resnet18.a",
        ),
        ({"name": "timm:hf-hub:somebody/net"}, "allowed: timm: and one of timm"),
        ({"name": "timm:local-dir:net"}, "allowed: timm: and one of timm"),
        ({"name": NAME, "args": {"checkpoint_path": "x"}}, "its place is workload.model.weights"),
        ({"name": NAME, "args": {"pretrained": True}}, "its place is workload.model.weights"),
        ({"name": NAME, "args": {"widht": 2}}, "do not fit timm:mobilenetv4.*widht"),
        ({"name": NAME, "shortcut": "B"}, "has no such choice"),
    ],
)
def test_what_cannot_be_built(settings: dict[str, object], message: str) -> None:
    with pytest.raises(WorkloadError, match=message):
        build_model(ModelConfig(**settings))  # type: ignore[arg-type]


def test_without_timm_the_extra_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "timm", None)
    with pytest.raises(WorkloadError, match=r"needs timm .*pip install 'edgeprune\[timm\]'"):
        build_model(ModelConfig(name=NAME))


def test_images_are_prepared_as_timm_does(photos: Path) -> None:
    import timm.data

    # 235 pixels (bicubic), of which 224 are cropped, normalised to -1 to 1: nothing of our defaults
    name = "vit_tiny_patch16_224.augreg_in21k_ft_in1k"
    given = timm.data.resolve_data_config(
        pretrained_cfg=timm.models.get_pretrained_cfg(name).to_dict()
    )
    theirs = timm.data.create_transform(**given)
    recipe = published_recipe(ModelConfig(name=f"timm:{name}", weights="pretrained"))
    dataset = open_dataset(DataConfig(name="imagefolder", root=photos), recipe)
    images, _ = next(iter(dataset.train.batches(6)))
    for ours, path in zip(images, sorted((photos / "train").rglob("*.png")), strict=True):
        wanted = theirs(Image.open(path))
        # An odd margin may be split the other way.
        assert ours.shape == wanted.shape and (ours - wanted).abs().max() < 0.02


def test_what_a_user_says_goes_before_the_recipe(photos: Path) -> None:
    recipe = published_recipe(ModelConfig(name=NAME, weights="pretrained"))
    config = DataConfig(
        name="imagefolder", root=photos, image_size=128, mean=(0.0,) * 3, std=(1.0,) * 3
    )
    images, _ = next(iter(open_dataset(config, recipe).train.batches(6)))
    assert images.shape == (6, 3, 128, 128) and images.min() >= 0 and images.max() <= 1


def test_torchvisions_own_recipe_holds_too(photos: Path) -> None:
    import torchvision

    recipe = published_recipe(ModelConfig(name="resnet50", weights="pretrained"))
    dataset = open_dataset(DataConfig(name="imagefolder", root=photos), recipe)
    images, _ = next(iter(dataset.train.batches(1)))
    theirs = torchvision.models.ResNet50_Weights.IMAGENET1K_V2.transforms(antialias=True)
    wanted = theirs(Image.open(photos / "train/a/0.png"))
    assert (images[0] - wanted).abs().max() < 0.02
    assert published_recipe(ModelConfig(name="resnet50", weights=Path("mine.pt"))) is None


def test_init_writes_a_timm_model_with_its_classes(photos: Path, tmp_path: Path) -> None:
    text = propose(Wishes(NAME, str(photos)), tmp_path).text
    assert f"name: {NAME}\n" in text and "num_classes: 3" in text


def test_init_with_pretrained_weights_writes_their_preprocessing(
    photos: Path, tmp_path: Path
) -> None:
    wishes = Wishes(
        "timm:vit_tiny_patch16_224.augreg_in21k_ft_in1k", str(photos), weights="pretrained"
    )
    text = propose(wishes, tmp_path).text
    assert "image_size: 224" in text and "weights: pretrained" in text
    assert text.count("- 0.5\n") == 6

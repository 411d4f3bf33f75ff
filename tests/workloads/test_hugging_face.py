"""Image classifiers of transformers: folders that are made here, with random weights."""

import importlib.util
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from edgeprune.config import DataConfig, ModelConfig, WorkloadConfig, dump_pipeline, load_pipeline
from edgeprune.errors import WorkloadError
from edgeprune.pipeline.proposal import Wishes, propose
from edgeprune.pruning import ChannelSpace
from edgeprune.workloads import build_model, load_workload
from edgeprune.workloads.models import hugging_face
from edgeprune.workloads.models.image_processor import read_recipe
from edgeprune.workloads.models.registry import published_recipe
from tests.conftest import ROOT

if importlib.util.find_spec("transformers") is None and not os.environ.get("CI"):
    pytest.skip("no transformers: pip install 'edgeprune[hf]'", allow_module_level=True)

CLASSES = ("ant", "bee", "cat")
PREPARED = {
    "size": {"shortest_edge": 112},
    "do_center_crop": True,
    "crop_size": {"height": 100, "width": 100},
    "resample": 3,
    "image_mean": [0.4, 0.5, 0.6],
    "image_std": [0.1, 0.2, 0.3],
}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small ResNet, as transformers writes it; not to be changed."""
    from transformers import ResNetConfig, ResNetForImageClassification

    folder = tmp_path_factory.mktemp("hub") / "small-net"
    config = ResNetConfig(
        embedding_size=8,
        hidden_sizes=[8, 16],
        depths=[1, 1],
        layer_type="basic",
        id2label=dict(enumerate(CLASSES)),
        label2id={name: row for row, name in enumerate(CLASSES)},
    )
    torch.manual_seed(0)
    ResNetForImageClassification(config).save_pretrained(folder)
    (folder / "preprocessor_config.json").write_text(json.dumps(PREPARED))
    return folder


@pytest.fixture
def net(made: Path, tmp_path: Path) -> Path:
    """A copy that may be changed."""
    return shutil.copytree(made, tmp_path / "net")


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("photos")
    random = np.random.default_rng(0)
    for part in ("train", "val", "test"):
        for label in CLASSES:
            (root / part / label).mkdir(parents=True)
            pixels = random.integers(0, 255, (120, 140, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(root / part / label / "0.png")
    return root


def _edited(net: Path, file: str = "config.json", **changes: object) -> str:
    said = json.loads((net / file).read_text()) | changes
    (net / file).write_text(json.dumps(said))
    return f"hf:{net}"


def _workload(net: Path, photos: Path, **model: object) -> Any:
    return load_workload(
        WorkloadConfig(
            model=ModelConfig(name=f"hf:{net}", **model),  # type: ignore[arg-type]
            data=DataConfig(name="imagefolder", root=photos),
        )
    )


def test_a_folder_with_its_weights_is_the_model_that_was_saved(made: Path, photos: Path) -> None:
    from transformers import ResNetForImageClassification

    workload = _workload(made, photos, weights="pretrained")
    images = torch.randn(2, 3, 100, 100)
    with torch.inference_mode():
        theirs = ResNetForImageClassification.from_pretrained(made).eval()(images).logits
        assert torch.equal(workload.model(images), theirs)
    assert workload.trained and workload.class_names == CLASSES
    # Its own preprocessing, not ImageNet's.
    assert workload.example_input.shape == (1, 3, 100, 100)
    pixels = workload.example_input * torch.tensor([0.1, 0.2, 0.3]).view(3, 1, 1)
    pixels = (pixels + torch.tensor([0.4, 0.5, 0.6]).view(3, 1, 1)) * 255
    assert torch.allclose(pixels, pixels.round(), atol=1e-3)


def test_it_can_be_cut_and_made_again(made: Path) -> None:
    config = ModelConfig(name=f"hf:{made}", num_classes=7, args={"hidden_sizes": [8, 24]})
    model = build_model(config)
    assert model(torch.randn(1, 3, 64, 64)).shape == (1, 7)
    space = ChannelSpace.from_model(model, torch.randn(1, 3, 64, 64))
    assert space.cuttable_macs_share > 0.9
    same = build_model(config).state_dict()
    assert all(torch.equal(value, same[key]) for key, value in model.state_dict().items())


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("hf:./nowhere/net", "is no folder"),
        ("hf:nobody/nothing!", r"allowed: hf:OWNER/NAME, or hf:\./FOLDER"),
        ("hf:a/../b", r"allowed: hf:OWNER/NAME"),
        ("hf:", r"allowed: hf:OWNER/NAME"),
    ],
)
def test_names_that_are_none(name: str, message: str) -> None:
    with pytest.raises(WorkloadError, match=message):
        build_model(ModelConfig(name=name))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"model_type": "bert"}, "a 'bert', for which transformers has no image classifier"),
        ({"model_type": "nosuch"}, "no settings of a model"),
        ({"model_type": None, "auto_map": {"AutoConfig": "evil.Evil"}}, "which is not run"),
        ({"model_type": "mine", "auto_map": {"AutoConfig": "evil.Evil"}}, "no settings of a model"),
        ({"quantization_config": {"bits": 4}}, "a quantised model"),
        ({"hidden_sizes": [8, -1]}, "cannot be built"),
    ],
)
def test_settings_that_cannot_be_used(net: Path, changes: dict[str, object], message: str) -> None:
    (net / "evil.py").write_text("open('ran', 'w')\nclass Evil: ...\n")
    with pytest.raises(WorkloadError, match=message):
        build_model(ModelConfig(name=_edited(net, **changes)))
    assert not Path("ran").exists()


def test_code_that_a_folder_brings_is_not_run(net: Path) -> None:
    """Where transformers knows the model itself, it uses its own."""
    ran = net / "ran"
    (net / "evil.py").write_text(f"open({str(ran)!r}, 'w')\nclass Evil: ...\n")
    auto = {"AutoConfig": "evil.Evil", "AutoModelForImageClassification": "evil.Evil"}
    name = _edited(net, auto_map=auto, attn_implementation="somebody/kernels")
    build_model(ModelConfig(name=name))
    hugging_face.pretrained_state(str(net))
    assert not ran.exists()


def test_damaged_files_are_told(net: Path, photos: Path) -> None:
    (net / "config.json").write_text("[1]")
    with pytest.raises(WorkloadError, match="is no JSON object"):
        _workload(net, photos)


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda net: (net / "model.safetensors").unlink(), r"has no model\.safetensors$"),
        (
            lambda net: (net / "model.safetensors").rename(net / "pytorch_model.bin"),
            r"pytorch_model\.bin is not loaded: a pickle can run code",
        ),
        (lambda net: (net / "model.safetensors").write_bytes(b"\x07" * 90), "do not load"),
        (lambda net: _edited(net, hidden_sizes=[8, 32]), "do not load"),
    ],
)
def test_weights_that_cannot_be_used(net: Path, photos: Path, edit: Any, message: str) -> None:
    edit(net)
    with pytest.raises(WorkloadError, match=message):
        _workload(net, photos, weights="pretrained")


def test_weights_without_a_head_are_told(net: Path, photos: Path) -> None:
    from safetensors.torch import load_file, save_file

    state = load_file(net / "model.safetensors")
    kept = {key: value for key, value in state.items() if not key.startswith("classifier")}
    save_file(kept, net / "model.safetensors", {"format": "pt"})
    with pytest.raises(WorkloadError, match=r"none for classifier.*not trained as a classifier"):
        _workload(net, photos, weights="pretrained")


def test_classes_in_another_order_are_told(net: Path, photos: Path) -> None:
    labels = {"0": "bee", "1": "ant", "2": "cat"}
    _edited(net, id2label=labels, label2id={name: int(row) for row, name in labels.items()})
    with pytest.raises(WorkloadError, match="class 0 is 'bee' in the model and 'ant' in the data"):
        _workload(net, photos, weights="pretrained")


@pytest.mark.parametrize(
    ("said", "size", "share", "mean"),
    [
        ({"size": 64}, 64, 1.0, None),
        ({"size": {"height": 48, "width": 48}}, 48, 1.0, None),
        ({"size": {"shortest_edge": 224}, "crop_pct": 0.875}, 224, 224 / 256, None),
        ({"size": {"shortest_edge": 384}, "crop_pct": 0.875}, 384, 1.0, None),
        ({"do_normalize": False}, None, None, 0.0),
        ({"image_mean": 0.5, "image_std": 0.5}, None, None, 0.5),
        # Pixels from -1 to 1 before they are normalised.
        (
            {"rescale_factor": 1 / 127.5, "rescale_offset": True,
             "image_mean": [0.0] * 3, "image_std": [1.0] * 3},
            None, None, 0.5,
        ),
    ],
)  # fmt: skip
def test_how_images_are_prepared(
    tmp_path: Path, said: object, size: int | None, share: float | None, mean: float | None
) -> None:
    (tmp_path / "preprocessor_config.json").write_text(json.dumps(said))
    recipe = read_recipe(tmp_path / "preprocessor_config.json", ())
    assert recipe.image_size == size
    assert (recipe.scaling.crop_share if recipe.scaling else None) == share
    found = recipe.normalisation
    assert (found.mean[0] if found else None) == (None if mean is None else pytest.approx(mean))


@pytest.mark.parametrize("said", [{"size": "big"}, {"image_mean": 0.5, "image_std": 0}, [1]])
def test_preprocessing_that_makes_no_sense(net: Path, said: object) -> None:
    (net / "preprocessor_config.json").write_text(json.dumps(said))
    with pytest.raises(WorkloadError, match="no settings of an image processor"):
        published_recipe(ModelConfig(name=f"hf:{net}", weights="pretrained"))


def test_a_folder_is_relative_to_the_pipeline_file(made: Path, photos: Path) -> None:
    file = made.parent / "sub" / "mine.yaml"
    file.parent.mkdir(exist_ok=True)
    proposal = propose(Wishes(f"hf:{made}", str(photos), weights="pretrained"), file.parent)
    assert "name: hf:../small-net\n" in proposal.text and "image_size: 100" in proposal.text
    file.write_text(proposal.text)
    for name, text in proposal.lists.items():
        (file.parent / name).write_text(text)
    config = load_pipeline(file)
    assert config.workload.model.name == f"hf:{made}"
    file.write_text(dump_pipeline(config))
    assert load_pipeline(file) == config
    assert not config.workload.model.names_code


def test_without_transformers_the_extra_is_told(
    made: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(WorkloadError, match=r"pip install 'edgeprune\[hf\]'"):
        build_model(ModelConfig(name=f"hf:{made}"))


def test_a_hub_that_does_not_answer_is_told_soon(tmp_path: Path) -> None:
    code = (
        "from edgeprune.config import ModelConfig\n"
        "from edgeprune.workloads.models.hub_folder import folder_of\n"
        "from edgeprune.errors import WorkloadError\n"
        "import time\n"
        "start = time.monotonic()\n"
        "try:\n    folder_of('somebody/net')\n"
        "except WorkloadError as error:\n    print(error)\n"
        "print(time.monotonic() - start)\n"
    )
    # Nothing listens there: what a machine without a network hears.
    own = {"HF_ENDPOINT": "http://127.0.0.1:9", "HF_HOME": str(tmp_path), "PYTHONPATH": str(ROOT)}
    start = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-c", code], env=os.environ | own, capture_output=True, text=True
    )
    assert time.monotonic() - start < 60
    told, seconds = done.stdout.strip().rsplit("\n", 1)
    assert "the hub cannot be reached" in told and "give a file or folder" in told
    assert float(seconds) < 20 and "Traceback" not in done.stderr

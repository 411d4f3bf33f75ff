"""`edgeprune init`: from a model and a folder to a file that runs."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from edgeprune.config import load_pipeline
from edgeprune.errors import ConfigError, UserError, WorkloadError
from edgeprune.pipeline.proposal import Wishes, propose
from edgeprune.training import fit
from edgeprune.workloads import load_workload
from tests.called import called
from tests.models import tiny_cnn

COLOURS = np.random.default_rng(1).integers(0, 200, (10, 3))


@pytest.fixture(scope="module")
def make_colours(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Folders of ten classes of noisy colours, 32x32."""

    def make(*parts: str, images: int = 8, size: int = 32) -> Path:
        random = np.random.default_rng(0)
        root = tmp_path_factory.mktemp("colours")
        for part in parts:
            for label, colour in enumerate(COLOURS):
                folder = root / part / f"class{label}"
                folder.mkdir(parents=True, exist_ok=True)
                for index in range(images):
                    noise = random.integers(0, 56, (size, size, 3))
                    pixels = (colour + noise).astype(np.uint8)
                    Image.fromarray(pixels).save(folder / f"{index}.png")
        return root

    return make


def _read(folder: Path, wishes: Wishes) -> tuple[object, tuple[str, ...]]:
    proposal = propose(wishes, folder)
    for name, text in {**proposal.lists, "mine.yaml": proposal.text}.items():
        (folder / name).write_text(text)
    return load_pipeline(folder / "mine.yaml"), proposal.notes


def test_without_weights_a_base_is_trained(
    make_colours: Callable[..., Path], tmp_path: Path
) -> None:
    root = make_colours("train", "test")
    config, notes = _read(tmp_path, Wishes("tests.models:tiny_cnn", str(root)))
    workload = load_workload(config.workload)  # type: ignore[attr-defined]
    assert not workload.trained and config.workload.train.epochs == 12  # type: ignore[attr-defined]
    images = next(iter(workload.splits.train.batches(80)))[0]
    # Measured on these very images: centred, and of unit deviation.
    assert images.mean((0, 2, 3)).abs().max() < 0.2
    assert (images.std((0, 2, 3)) - 1).abs().max() < 0.3
    assert any("measured" in note for note in notes)


def test_class_folders_alone(make_colours: Callable[..., Path], tmp_path: Path) -> None:
    root = make_colours("")
    config, _ = _read(tmp_path, Wishes("tests.models:tiny_cnn", str(root)))
    splits = load_workload(config.workload).splits  # type: ignore[attr-defined]
    assert len(splits.train) + len(splits.reward) + len(splits.test) == 80


def test_with_weights_the_normalisation_is_found_and_the_unseen_images_are_halved(
    make_colours: Callable[..., Path], tmp_path: Path
) -> None:
    root = make_colours("train", "val")
    text = (
        "workload:\n  model: {name: 'tests.models:tiny_cnn'}\n  train: {epochs: 1}\n"
        f"  data: {{name: imagefolder, root: {root}, mean: [0.5], std: [0.5]}}\n"
        "budget: {latency: 0.5x}\n"
    )
    (tmp_path / "train.yaml").write_text(text)
    workload = load_workload(load_pipeline(tmp_path / "train.yaml").workload)
    model = tiny_cnn()
    fit(model, workload.splits.train, epochs=15, lr=0.05, batch_size=16, weight_decay=0.0, seed=0)
    torch.save(model.state_dict(), tmp_path / "mine.pt")
    wishes = Wishes("tests.models:tiny_cnn", str(root), str(tmp_path / "mine.pt"))
    config, notes = _read(tmp_path, wishes)
    data = config.workload.data  # type: ignore[attr-defined]
    found = load_workload(config.workload)  # type: ignore[attr-defined]
    assert found.trained and len(found.splits.reward) == len(found.splits.test) == 40
    assert (data.mean, data.std) == ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
    assert any("pixels from -1 to 1" in note for note in notes)


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"model": "resnet2"}, WorkloadError, "did you mean 'resnet"),
        ({"data": "nowhere"}, WorkloadError, "does not exist"),
        ({"budget": "0.5"}, ConfigError, "budget is '0.5'"),
        ({"target": "pi"}, ConfigError, "pi"),
        ({"weights": "gone.pt"}, WorkloadError, "gone.pt does not exist"),
        ({"weights": "pretrained"}, WorkloadError, "no pretrained weights"),
    ],
)
def test_what_cannot_be_used(
    make_colours: Callable[..., Path],
    tmp_path: Path,
    changes: dict[str, str],
    error: type[UserError],
    message: str,
) -> None:
    wishes = {"model": "tests.models:tiny_cnn", "data": str(make_colours("train", "test"))}
    with pytest.raises(error, match=message):
        propose(Wishes(**{**wishes, **changes}), tmp_path)  # type: ignore[arg-type]


def test_weights_of_a_folder_that_tells_nothing_apart(
    make_colours: Callable[..., Path], tmp_path: Path
) -> None:
    torch.save(tiny_cnn().state_dict(), tmp_path / "mine.pt")
    wishes = Wishes("tests.models:tiny_cnn", str(make_colours("")), str(tmp_path / "mine.pt"))
    with pytest.raises(WorkloadError, match="nothing honest can be scored"):
        propose(wishes, tmp_path)
    with pytest.raises(WorkloadError, match="has train/ alone"):
        propose(Wishes(wishes.model, str(make_colours("train")), wishes.weights), tmp_path)


def test_one_image_a_class(make_colours: Callable[..., Path], tmp_path: Path) -> None:
    torch.save(tiny_cnn().state_dict(), tmp_path / "mine.pt")
    root = make_colours("train", "test", images=1)
    with pytest.raises(WorkloadError, match="none can be for the reward"):
        propose(Wishes("tests.models:tiny_cnn", str(root), str(tmp_path / "mine.pt")), tmp_path)


def test_a_person_answers_and_nothing_is_overwritten(
    make_colours: Callable[..., Path], tmp_path: Path
) -> None:
    command = ["init", "--output", tmp_path / "mine.yaml"]
    words = ["tests.models:tiny_cnn", "none", str(make_colours("train", "test")), "simulated", ""]
    answers = "\n".join(words) + "\n"
    done = called(*command, answers=answers)
    assert done.exit_code == 0, done.stderr
    assert f"edgeprune check {tmp_path / 'mine.yaml'}" in done.stdout
    written = (tmp_path / "mine.yaml").read_text()
    assert written.startswith("# yaml-language-server: $schema=edgeprune.schema.json\n")
    assert (tmp_path / "edgeprune.schema.json").is_file()
    config = load_pipeline(tmp_path / "mine.yaml")
    assert (config.target, config.budget.latency) == ("simulated", 0.5)
    again = called(*command, answers=answers)
    assert again.exit_code == 2 and "is there already" in again.stderr
    assert (tmp_path / "mine.yaml").read_text() == written

import tarfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from edgeprune.errors import WorkloadError
from edgeprune.workloads import ArraySplit, Dataset, FileSplit
from edgeprune.workloads.datasets.imagefolder import imagefolder

MakeFolder = Callable[..., Path]


def _pixels(dataset: Dataset) -> torch.Tensor:
    return next(iter(dataset.train.batches(100)))[0]


def test_pixels_labels_and_names_are_those_of_the_files(make_folder: MakeFolder) -> None:
    root = make_folder()
    train = imagefolder(root=root).train
    assert isinstance(train, ArraySplit)
    assert train.names[7] == "train/dog/01.jpg" and train.labels[7] == 1
    images, _ = next(iter(train.batches(100)))
    with Image.open(root / "train/dog/01.jpg") as image:
        pixels = torch.from_numpy(np.asarray(image).copy()).permute(2, 0, 1) / 255
    mean = torch.tensor([0.485, 0.456, 0.406]).view(3, 1, 1)
    std = torch.tensor([0.229, 0.224, 0.225]).view(3, 1, 1)
    assert torch.allclose(images[7], (pixels - mean) / std, atol=1e-5)


def test_mean_and_std_can_be_set_once_for_all_channels(make_folder: MakeFolder) -> None:
    images = _pixels(imagefolder(root=make_folder(), mean=(0.0,), std=(1.0,)))
    assert 0 <= images.min() and 0.9 < images.max() <= 1


def test_val_is_the_test_split_or_else_the_reward(make_folder: MakeFolder) -> None:
    two = imagefolder(root=make_folder(parts=("train", "val"), name="two"))
    assert two.reward is None and two.test is not None and two.test.name == "test"
    three = imagefolder(root=make_folder(parts=("train", "val", "test"), name="three"))
    assert isinstance(three.reward, ArraySplit) and isinstance(three.test, ArraySplit)
    assert three.reward.names[0].startswith("val/") and three.test.names[0].startswith("test/")


def test_large_images_are_decoded_lazily_like_torchvision_does(make_folder: MakeFolder) -> None:
    import torchvision

    root = make_folder(size=(130, 170), images=2)
    dataset = imagefolder(root=root, image_size=112, mean=(0.0,), std=(1.0,))
    assert isinstance(dataset.train, FileSplit)
    from torchvision import transforms

    usual = transforms.Compose(
        [transforms.Resize(128), transforms.CenterCrop(112), transforms.ToTensor()]
    )
    with Image.open(root / dataset.train.names[0]) as image:
        expected = usual(image)
    assert torch.allclose(_pixels(dataset)[0], expected, atol=1e-5)
    assert torchvision.__version__


def test_large_images_without_a_size_become_224(make_folder: MakeFolder) -> None:
    dataset = imagefolder(root=make_folder(size=(100, 240), images=1))
    assert _pixels(dataset).shape == (3, 3, 224, 224)


def test_image_size_brings_images_of_all_sizes_together(make_folder: MakeFolder) -> None:
    root = make_folder(size=(20, 20))
    Image.new("L", (50, 31), 200).save(root / "train/cat/00.jpg")
    assert _pixels(imagefolder(root=root, image_size=24)).shape[2:] == (24, 24)
    with pytest.raises(WorkloadError, match=r"20x20 pixels.*50x31.*workload\.data\.image_size"):
        imagefolder(root=root)


@pytest.mark.parametrize("ending", ["tar", "tar.gz", "tar.xz", "tgz"])
@pytest.mark.parametrize("wrapped", [True, False])
def test_archives_give_what_the_folder_gives(
    make_folder: MakeFolder, tmp_path: Path, ending: str, wrapped: bool
) -> None:
    root = make_folder()
    archive = tmp_path / f"pictures.{ending}"
    with tarfile.open(archive, "w:" + {"tgz": "gz", "tar": ""}.get(ending, ending[4:])) as tar:
        tar.add(root, arcname="any-name" if wrapped else ".")
    from_archive, from_folder = imagefolder(root=archive), imagefolder(root=root)
    assert isinstance(from_archive.train, ArraySplit) and isinstance(from_folder.train, ArraySplit)
    assert from_archive.train.names.tolist() == from_folder.train.names.tolist()
    assert torch.equal(_pixels(from_archive), _pixels(from_folder))


def test_an_archive_cannot_write_elsewhere(tmp_path: Path) -> None:
    (tmp_path / "evil.txt").write_text("evil")
    archive = tmp_path / "evil.tar"
    with tarfile.open(archive, "w") as tar:
        tar.add(tmp_path / "evil.txt", arcname="../../outside.txt")
    with pytest.raises(WorkloadError, match=r"refused.*outside\.txt"):
        imagefolder(root=archive)
    assert not list(tmp_path.rglob("outside.txt"))


@pytest.mark.parametrize("ending", ["tar", "tar.gz", "tar.xz"])
def test_damaged_archives_are_named(make_folder: MakeFolder, tmp_path: Path, ending: str) -> None:
    archive = tmp_path / f"pictures.{ending}"
    with tarfile.open(archive, "w:" + ending[4:]) as tar:
        tar.add(make_folder(), arcname=".")
    archive.write_bytes(archive.read_bytes()[:3000])
    with pytest.raises(WorkloadError, match=r"pictures\.tar.*damaged"):
        imagefolder(root=archive)
    archive.write_bytes(b"this is no archive at all")
    with pytest.raises(WorkloadError, match=r"pictures\.tar.*damaged or no tar"):
        imagefolder(root=archive)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda root: (root / "train").rename(root / "Train"), r"no train/ folder.*Train/, test/"),
        (lambda root: _remove(root / "train", "dog", "eel"), "one class, 'cat'.*at least 2"),
        (lambda root: _remove(root / "train", "cat", "dog", "eel"), "no class folder"),
        (lambda root: [p.unlink() for p in root.glob("train/dog/*")], r"train/dog has no image"),
        (lambda root: (root / "test/cat").rename(root / "test/car"), "test has a class 'car'"),
        (lambda root: (root / "train/dog/link.jpg").symlink_to("gone"), r"link\.jpg cannot be"),
    ],
)
def test_folders_of_another_form_are_explained(
    make_folder: MakeFolder, change: Callable[[Path], object], message: str
) -> None:
    root = make_folder()
    change(root)
    with pytest.raises(WorkloadError, match=message):
        imagefolder(root=root)


def _remove(folder: Path, *classes: str) -> None:
    for class_name in classes:
        (folder / class_name).rename(folder.parent / f"unused-{class_name}")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (None, r"workload\.data\.root is missing"),
        ("nowhere", "does not exist"),
        ("notes.txt", r"neither a folder nor an archive.*\.tar\.xz"),
    ],
)
def test_roots_that_are_none(tmp_path: Path, name: str | None, message: str) -> None:
    (tmp_path / "notes.txt").write_text("no images here")
    with pytest.raises(WorkloadError, match=message):
        imagefolder(root=None if name is None else tmp_path / name)


def test_every_broken_image_is_named_at_once(make_folder: MakeFolder) -> None:
    root = make_folder()
    whole = (root / "train/cat/02.jpg").read_bytes()
    (root / "train/cat/00.jpg").write_bytes(b"not a picture")
    (root / "train/cat/02.jpg").write_bytes(whole[: len(whole) // 2])
    (root / "test/eel/03.jpg").write_bytes(b"")
    with pytest.raises(WorkloadError) as caught:
        imagefolder(root=root, image_size=20)
    for name in ("train/cat/00.jpg", "train/cat/02.jpg", "test/eel/03.jpg"):
        assert name in str(caught.value)
    assert "train/cat/01.jpg" not in str(caught.value)


def test_a_broken_large_image_is_named_when_it_is_met(make_folder: MakeFolder) -> None:
    root = make_folder(size=(120, 120), images=2)
    whole = (root / "train/dog/01.jpg").read_bytes()
    (root / "train/dog/01.jpg").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(WorkloadError, match=r"train/dog/01\.jpg cannot be read"):
        _pixels(imagefolder(root=root))


def test_files_that_are_no_images_are_passed_over(make_folder: MakeFolder) -> None:
    root = make_folder()
    (root / "train/cat/Thumbs.db").write_bytes(b"x")
    (root / "train/cat/.hidden.jpg").write_bytes(b"x")
    (root / "train/.cache").mkdir()
    (root / "train/README.txt").write_text("x")
    assert len(imagefolder(root=root).train) == 18


def test_images_in_folders_below_a_class_belong_to_it(make_folder: MakeFolder) -> None:
    root = make_folder()
    (root / "train/cat/more").mkdir()
    (root / "train/cat/00.jpg").rename(root / "train/cat/more/00.jpg")
    train = imagefolder(root=root).train
    assert isinstance(train, ArraySplit)
    row = train.names.tolist().index("train/cat/more/00.jpg")
    assert train.labels[row] == 0 and len(train) == 18

import hashlib
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch

from edgeprune.config import DataConfig
from edgeprune.errors import WorkloadError
from edgeprune.workloads import ArraySplit
from edgeprune.workloads.datasets import open_dataset
from edgeprune.workloads.datasets.digits import digits


def test_digits_are_scikit_learns() -> None:
    from sklearn.datasets import load_digits

    dataset = open_dataset(DataConfig(name="digits", mean=(0.0,), std=(1.0,), image_size=8))
    assert isinstance(dataset.train, ArraySplit) and isinstance(dataset.test, ArraySplit)
    assert len(dataset.train) + len(dataset.test) == 1797
    assert np.bincount(dataset.test.labels).min() >= 34
    source = load_digits()
    images, labels = next(iter(dataset.test.batches(50)))
    for name, image, label in zip(dataset.test.names, images, labels, strict=False):
        assert source.target[int(name)] == label
        assert np.allclose(image.numpy(), source.images[int(name)] / 16, atol=1 / 255)


def test_digits_are_scaled_up_and_roughly_standard() -> None:
    dataset = open_dataset(DataConfig(name="digits"))
    images = torch.cat([images for images, _ in dataset.train.batches(256)])
    assert images.shape[1:] == (3, 32, 32)
    assert torch.equal(images[:, 0], images[:, 2])
    assert images.mean().abs() < 0.02 and abs(images.std() - 1) < 0.02


def test_digits_are_never_mirrored() -> None:
    # A one-sided picture: mirrored, its mass would lie on the other side.
    train = open_dataset(DataConfig(name="digits", mean=(0.0,), std=(1.0,))).train
    plain = torch.cat([images for images, _ in train.batches(256)])
    shift = torch.arange(32.0) - 15.5
    lopsided = ((plain.mean((1, 2)) * shift).sum(1) / plain.mean((1, 2)).sum(1)).argsort()[-5:]
    split = train.select(np.sort(lopsided.numpy()), "lopsided")
    for seed in range(8):
        generator = torch.Generator().manual_seed(seed)
        images, _ = next(iter(split.batches(5, generator=generator, augment=True)))
        mass = images.mean((1, 2))
        assert ((mass * shift).sum(1) / mass.sum(1) > -4.0).all()


def test_digits_follow_the_seed() -> None:
    names = [
        open_dataset(DataConfig(name="digits", seed=seed)).test.names.tolist() for seed in (0, 0, 1)
    ]
    assert names[0] == names[1] != names[2]


def test_augment_false_leaves_images_as_they_are() -> None:
    train = open_dataset(DataConfig(name="digits", augment=False)).train

    def epoch(augment: bool) -> torch.Tensor:
        generator = torch.Generator().manual_seed(0)
        return next(iter(train.batches(64, generator=generator, augment=augment)))[0]

    assert torch.equal(epoch(augment=True), epoch(augment=False))


@pytest.fixture
def cifar(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Files of CIFAR-10's own format with 3 images each, and their checksums made known."""
    import torchvision

    source = torchvision.datasets.CIFAR10
    folder = tmp_path / source.base_folder
    folder.mkdir()
    random = np.random.default_rng(0)

    def write(name: str, content: object) -> str:
        data = pickle.dumps(content)
        (folder / name).write_bytes(data)
        return hashlib.md5(data).hexdigest()

    def batch() -> dict[str, object]:
        pixels = random.integers(0, 256, (3, 3072), dtype=np.uint8)
        return {"data": pixels, "labels": [0, 1, 9]}

    for listing in ("train_list", "test_list"):
        stamped = [[name, write(name, batch())] for name, _ in getattr(source, listing)]
        monkeypatch.setattr(source, listing, stamped)
    classes = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse"]
    meta = write("batches.meta", {"label_names": [*classes, "ship", "truck"]})
    monkeypatch.setattr(
        source, "meta", {"filename": "batches.meta", "key": "label_names", "md5": meta}
    )
    return tmp_path


def test_cifar10_through_torchvision(cifar: Path) -> None:
    dataset = open_dataset(DataConfig(name="cifar10", root=cifar, mean=(0.0,), std=(1.0,)))
    assert dataset.classes[9] == "truck"
    assert isinstance(dataset.train, ArraySplit) and isinstance(dataset.test, ArraySplit)
    assert len(dataset.train) == 15 and len(dataset.test) == 3
    assert dataset.train.names[4] == "train/00004" and dataset.train.labels[5] == 9
    stored = pickle.loads((cifar / "cifar-10-batches-py/test_batch").read_bytes())
    images, _ = next(iter(dataset.test.batches(3)))
    expected = stored["data"].reshape(3, 3, 32, 32) / 255
    assert np.allclose(images.numpy(), expected, atol=1e-5)


def test_cifar10_can_be_scaled(cifar: Path) -> None:
    dataset = open_dataset(DataConfig(name="cifar10", root=cifar, image_size=48))
    assert next(iter(dataset.test.batches(3)))[0].shape == (3, 3, 48, 48)


def test_missing_cifar10_says_how_to_get_it(tmp_path: Path) -> None:
    with pytest.raises(WorkloadError, match=r"workload\.data\.download: true"):
        open_dataset(DataConfig(name="cifar10", root=tmp_path))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"name": "digit"}, "'digit'.*allowed: cifar10.*did you mean 'digits'"),
        ({"name": "digits", "root": "/tmp"}, r"workload\.data\.root is set, but 'digits' takes no"),
        ({"name": "digits", "download": True}, r"workload\.data\.download is set"),
        ({"name": "digits", "args": {"imagesize": 3}}, "takes no 'imagesize'"),
        ({"name": "digits", "args": {"seed": 3}}, r"a place of its own, workload\.data\.seed"),
        ({"name": "digits", "mean": (0.5,)}, "set both or neither"),
        ({"name": "digits", "mean": (0.5, 0.5), "std": (1.0, 1.0)}, "2 values.*allowed: 1 or 3"),
        ({"name": "tests.workloads.user_code:gray_data"}, "did you mean 'grey_data'"),
        ({"name": "tests.workloads.nowhere:data"}, "cannot import 'tests.workloads.nowhere'"),
        ({"name": "tests.workloads.user_code:NOT_A_FUNCTION"}, "is a int, not a function"),
        ({"name": "tests.workloads.user_code:no_dataset"}, "gave a tuple"),
        ({"name": "tests.workloads.user_code:no_split"}, "train is a list, which is no split"),
        ({"name": "tests.workloads.user_code:too_few_classes"}, "label 3; allowed: 0 to 1"),
        ({"name": "tests.workloads.user_code:failing"}, "RuntimeError: the disk is on fire"),
        (
            {"name": "tests.workloads.user_code:grey_data", "args": {"image": 3}},
            "takes no 'image'; allowed: images; did you mean 'images'",
        ),
        (
            {"name": "tests.workloads.user_code:grey_data", "image_size": 8},
            r"workload\.data\.image_size is set",
        ),
        ({"name": "tests.workloads.user_code:grey_data", "args": {"images": 0}}, "no images"),
    ],
)
def test_settings_that_do_not_fit_are_explained(settings: dict[str, object], message: str) -> None:
    with pytest.raises(WorkloadError, match=message):
        open_dataset(DataConfig(**settings))


def test_a_deviation_of_zero_is_refused_from_python_too() -> None:
    # A pipeline file cannot say this; a caller of the function can.
    with pytest.raises(WorkloadError, match=r"std is \[0\.0\].*above 0"):
        digits(mean=(0.5,), std=(0.0,))


def test_a_users_function_gets_its_args_and_the_settings_it_asks_for() -> None:
    dataset = open_dataset(
        DataConfig(name="tests.workloads.user_code:grey_data", args={"images": 24}, seed=9)
    )
    same = open_dataset(
        DataConfig(name="tests.workloads.user_code:grey_data", args={"images": 24}, seed=9)
    )
    assert len(dataset.train) == 24
    one, other = (next(iter(each.train.batches(24)))[0] for each in (dataset, same))
    assert torch.equal(one, other)


@pytest.mark.parametrize(
    ("images", "labels", "message"),
    [
        (np.zeros((4, 3, 8, 8), np.float32), [0, 1, 0, 1], "float32.*of uint8"),
        (np.zeros((4, 8, 8), np.uint8), [0, 1, 0, 1], r"shape \(4, 8, 8\)"),
        (np.zeros((4, 1, 8, 8), np.uint8), [0, 1, 0, 1], "1 channels.*have 3"),
        (np.zeros((4, 3, 8, 8), np.uint8), [0, 1, 0], "4 images but 3 labels"),
        (np.zeros((4, 3, 8, 8), np.uint8), [0.0, 1.0, 0.0, 1.0], "one integer per image"),
        (np.zeros((4, 3, 8, 8), np.uint8), [0, -1, 0, 1], "label -1"),
        (np.zeros((0, 3, 8, 8), np.uint8), np.zeros(0, int), "no images"),
    ],
)
def test_arrays_that_are_no_split(images: np.ndarray, labels: object, message: str) -> None:
    with pytest.raises(WorkloadError, match=message):
        ArraySplit("train", images, labels)

"""CIFAR-10 in its original, lossless form, through torchvision."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from edgeprune.errors import WorkloadError
from edgeprune.workloads.array_split import ArraySplit
from edgeprune.workloads.augmentation import Augmentation
from edgeprune.workloads.cache import cache_folder
from edgeprune.workloads.datasets.dataset import Dataset
from edgeprune.workloads.normalisation import IMAGENET, choose_normalisation


def cifar10(
    *,
    root: Path | None = None,
    download: bool = False,
    image_size: int | None = None,
    mean: Sequence[float] | None = None,
    std: Sequence[float] | None = None,
    augment: bool = True,
) -> Dataset:
    """50,000 and 10,000 colour images of 32x32 pixels in ten classes.

    Args:
        root: folder that holds (or gets) ``cifar-10-batches-py/``; the cache where not given.
        download: whether to fetch the 170 MB where they are missing.
        image_size: height and width of the batches; 32 where not given.
        mean: of pixels in 0..1. ImageNet's where not given, because the published ResNets with
            our parameter names (akamaster/pytorch_resnet_cifar10) were trained with those.
        std: the same.
        augment: whether training images are cropped and flipped at random.

    Returns:
        Names of the images are ``train/00000`` to ``train/49999`` and ``test/00000`` to
        ``test/09999``, in the order of the original files.

    Raises:
        WorkloadError: the files are missing, damaged or cannot be fetched.
    """
    folder = root or cache_folder("downloads")
    normalisation = choose_normalisation(mean, std, IMAGENET)
    splits = {}
    classes: tuple[str, ...] = ()
    for name in ("train", "test"):
        pixels, labels, classes = _read(folder, name == "train", download)
        splits[name] = ArraySplit(
            name,
            pixels,
            labels,
            image_size=image_size,
            normalisation=normalisation,
            augmentation=Augmentation() if augment else None,
        )
    return Dataset(classes, splits["train"], splits["test"])


def _read(
    folder: Path, train: bool, download: bool
) -> tuple["np.ndarray[tuple[int, ...], np.dtype[np.uint8]]", list[int], tuple[str, ...]]:
    import torchvision

    try:
        source = torchvision.datasets.CIFAR10(folder, train=train, download=download)
    except Exception as error:  # torchvision, urllib and tarfile each have their own
        advice = (
            "check the network, or fetch it by hand"
            if download
            else "set workload.data.download: true, or workload.data.root to the folder that "
            "holds cifar-10-batches-py/"
        )
        msg = f"CIFAR-10 cannot be read from {folder}: {error}; {advice}"
        raise WorkloadError(msg) from error
    pixels = np.ascontiguousarray(source.data.transpose(0, 3, 1, 2))
    return pixels, source.targets, tuple(source.classes)

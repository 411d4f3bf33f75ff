"""The images of `joint.py`: 20,000 of CIFAR-10 to train on, 1,000 for the reward, the test set."""

from pathlib import Path

from edgeprune.workloads.datasets import Dataset
from edgeprune.workloads.datasets.imagefolder import imagefolder

TRAIN, REWARD = 20_000, 1_000


def images(*, root: Path) -> Dataset:
    """A balanced choice of the training images, the same for all seeds; all test images."""
    whole = imagefolder(root=root, mean=(0.4914, 0.4822, 0.4465), std=(0.247, 0.2435, 0.2616))
    return Dataset(
        train=whole.train.subset(TRAIN + REWARD, seed=0), test=whole.test, classes=whole.classes
    )

"""Numbers from 00 to 99, put together of handwritten digits: harder than digits, always there."""

from collections.abc import Sequence

import numpy as np

from edgeprune.workloads.array_split import ArraySplit
from edgeprune.workloads.augmentation import Augmentation
from edgeprune.workloads.datasets.dataset import Dataset
from edgeprune.workloads.datasets.digits import handwritten
from edgeprune.workloads.normalisation import Normalisation, choose_normalisation
from edgeprune.workloads.stratified import stratified_share

#: Share of the handwritten digits that make the test images, and of the rest the reward images.
SHARE = 0.2
#: Images of each split; the same number of each class.
TRAIN, REWARD, TEST = 3000, 1000, 2000
#: Of the images themselves.
NORMALISATION = Normalisation((0.153,) * 3, (0.307,) * 3)
_CLASSES = 100
_SIZE, _DIGIT = 16, 8


def digit_pairs(
    *,
    image_size: int | None = None,
    mean: Sequence[float] | None = None,
    std: Sequence[float] | None = None,
    augment: bool = True,
    seed: int = 0,
) -> Dataset:
    """6,000 grey 16x16 images of two digits beside each other, each at a height of its own.

    The digits are scikit-learn's 1,797. No two splits share one: a network is scored on
    handwriting that it has not seen. Images of one split share digits, so that errors come in
    groups: the interval of an accuracy, which counts images, is too narrow.

    Args:
        image_size: height and width of the batches; 16 where not given.
        mean: of pixels in 0..1; the images' own where not given.
        std: likewise.
        augment: whether training images are cropped at random.
        seed: of the cut and of the images.

    Returns:
        Names of the images are their split and number: ``test-0000``.
    """
    grey, labels = handwritten()
    test, rest = stratified_share(labels, SHARE, seed)
    reward, train = (rest[rows] for rows in stratified_share(labels[rest], SHARE, seed))
    normalisation = choose_normalisation(mean, std, NORMALISATION)

    def split(name: str, rows: np.ndarray, count: int, offset: int) -> ArraySplit:
        images, numbers = _pairs(grey[rows], labels[rows], count, seed + offset)
        return ArraySplit(
            name,
            np.repeat(images[:, None], 3, axis=1),
            numbers,
            names=[f"{name}-{row:04d}" for row in range(count)],
            image_size=image_size or _SIZE,
            normalisation=normalisation,
            augmentation=Augmentation(flip=False) if augment else None,
        )

    return Dataset(
        tuple(f"{number:02d}" for number in range(_CLASSES)),
        split("train", train, TRAIN, 0),
        split("test", test, TEST, 1),
        split("reward", reward, REWARD, 2),
    )


def _pairs(
    digits: np.ndarray, labels: np.ndarray, count: int, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Images uint8 (count, height, width) of the numbers int64 (count,), each as often."""
    rng = np.random.default_rng(seed)
    numbers = np.arange(count) % _CLASSES
    images = np.zeros((count, _SIZE, _SIZE), np.uint8)
    of_digit = [np.flatnonzero(labels == digit) for digit in range(10)]
    for image, number in zip(images, numbers, strict=True):
        for side, digit in enumerate(divmod(int(number), 10)):
            top, left = rng.integers(0, _SIZE - _DIGIT + 1), side * _DIGIT
            chosen = digits[rng.choice(of_digit[digit])]
            image[top : top + _DIGIT, left : left + _DIGIT] = chosen
    return images, numbers

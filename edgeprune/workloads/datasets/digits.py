"""scikit-learn's handwritten digits: small enough for a demonstration, and always there."""

from collections.abc import Sequence

import numpy as np

from edgeprune.workloads.array_split import ArraySplit
from edgeprune.workloads.augmentation import Augmentation
from edgeprune.workloads.datasets.dataset import Dataset
from edgeprune.workloads.normalisation import Normalisation, choose_normalisation
from edgeprune.workloads.stratified import stratified_share

#: Share of the images that is the test split.
TEST_SHARE = 0.2
#: Of the 1,797 images themselves, at 32x32: they are far darker than photographs.
NORMALISATION = Normalisation((0.305,) * 3, (0.324,) * 3)


def digits(
    *,
    image_size: int | None = None,
    mean: Sequence[float] | None = None,
    std: Sequence[float] | None = None,
    augment: bool = True,
    seed: int = 0,
) -> Dataset:
    """1,797 grey 8x8 images of ten digits, as three equal channels scaled up bilinearly.

    Args:
        image_size: height and width of the batches; 32 where not given.
        mean: of pixels in 0..1; 0.305, the images' own, where not given.
        std: 0.324 where not given.
        augment: whether training images are cropped at random (a mirrored digit is no digit).
        seed: of the cut into train and test (80 to 20, each class alike).

    Returns:
        Names of the images are their numbers in scikit-learn's order: ``0000`` to ``1796``.
    """
    grey, labels = handwritten()
    whole = ArraySplit(
        "digits",
        np.repeat(grey[:, None], 3, axis=1),
        labels,
        names=[f"{row:04d}" for row in range(len(labels))],
        image_size=image_size or 32,
        normalisation=choose_normalisation(mean, std, NORMALISATION),
        augmentation=Augmentation(flip=False) if augment else None,
    )
    test, train = stratified_share(whole.labels, TEST_SHARE, seed)
    return Dataset(tuple("0123456789"), whole.select(train, "train"), whole.select(test, "test"))


def handwritten() -> tuple[np.ndarray, np.ndarray]:
    """scikit-learn's digits: uint8 (1797, 8, 8) from 0 to 255, and int64 (1797,) what they are."""
    from sklearn.datasets import load_digits

    pixels, labels = load_digits(return_X_y=True)
    return np.round(pixels.reshape(-1, 8, 8) * (255 / 16)).astype(np.uint8), labels

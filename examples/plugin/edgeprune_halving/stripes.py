"""A dataset by an entry point: a function that gives a `Dataset`."""

import numpy as np

from edgeprune.workloads import ArraySplit, Dataset, Normalisation

GREY = Normalisation((0.5,), (0.25,))


def stripes(seed: int, images: int = 400) -> Dataset:
    """Noisy images of 16 by 16 with upright or level stripes.

    Args:
        seed: of the noise.
        images: of the training split; the others have half as many.
    """
    return Dataset(
        classes=("upright", "level"),
        train=_split("train", images, seed),
        reward=_split("reward", images // 2, seed + 1),
        test=_split("test", images // 2, seed + 2),
    )


def _split(name: str, count: int, seed: int) -> ArraySplit:
    random = np.random.default_rng(seed)
    labels = np.arange(count) % 2
    wave = 60 * np.sin(np.arange(16) * 1.5)
    pattern = np.stack([np.tile(wave, (16, 1)), np.tile(wave, (16, 1)).T])[labels]
    pixels = 128 + pattern + random.normal(0, 60, (count, 16, 16))
    return ArraySplit(
        name, pixels.clip(0, 255).astype(np.uint8)[:, None], labels, normalisation=GREY
    )

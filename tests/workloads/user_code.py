"""What a user might name as ``module:function``, right and wrong."""

import numpy as np
import torch
from torch import nn

from edgeprune.workloads import ArraySplit, Dataset, Normalisation

NOT_A_FUNCTION = 3
GREY = Normalisation((0.5,), (0.25,))


def grey_model(num_classes: int = 4, width: int = 8) -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(1, width, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(width, num_classes)
    )


def no_model() -> str:
    return "model"


def failing() -> nn.Module:
    msg = "the disk is on fire"
    raise RuntimeError(msg)


class _Gives(nn.Module):
    def __init__(self, output: object) -> None:
        super().__init__()
        self.linear = nn.Linear(1, 1)
        self.output = output

    def forward(self, images: torch.Tensor) -> object:
        return self.output


def gives_tuple() -> nn.Module:
    return _Gives((torch.zeros(1, 10), 1))


def gives_map() -> nn.Module:
    return _Gives(torch.zeros(1, 10, 4, 4))


def gives_nan() -> nn.Module:
    return _Gives(torch.full((1, 10), torch.nan))


def cannot_forward() -> nn.Module:
    return nn.Conv2d(7, 10, 3)


def _grey_split(name: str, count: int, seed: int) -> ArraySplit:
    random = np.random.default_rng(seed)
    pixels = random.integers(0, 256, (count, 1, 12, 12), dtype=np.uint8)
    return ArraySplit(name, pixels, np.arange(count) % 4, normalisation=GREY)


def grey_data(seed: int, images: int = 40) -> Dataset:
    return Dataset(
        ("a", "b", "c", "d"),
        train=_grey_split("train", images, seed),
        test=_grey_split("test", 20, seed + 1),
    )


def grey_data_with_reward(seed: int) -> Dataset:
    data = grey_data(seed)
    return Dataset(data.classes, data.train, data.test, reward=_grey_split("reward", 12, seed + 2))


def too_few_classes() -> Dataset:
    data = grey_data(0)
    return Dataset(("a", "b"), data.train, data.test)


class _Opaque:
    """A split without names, as a user with a stream of images would write it."""

    def __init__(self, split: ArraySplit) -> None:
        self._split = split
        self.name = split.name

    def __len__(self) -> int:
        return len(self._split)

    def batches(self, batch_size, *, generator=None, augment=False):
        return self._split.batches(batch_size, generator=generator, augment=augment)

    def subset(self, count: int, seed: int) -> "_Opaque":
        return _Opaque(self._split.subset(count, seed))


def opaque_data(reward: bool = False) -> Dataset:
    data = grey_data_with_reward(0)
    return Dataset(
        data.classes,
        _Opaque(data.train),
        _Opaque(data.test),
        reward=_Opaque(data.reward) if reward else None,
    )


def no_dataset() -> tuple[list[int], list[int]]:
    return [1], [2]


def no_split() -> Dataset:
    return Dataset(("a", "b"), train=[1, 2, 3], test=None)

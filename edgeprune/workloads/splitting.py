"""Honest splits: nothing that weights were fitted to is scored.

Two cases. Where edgeprune trains the model, the reward split is cut off the training images and
never trained on. Where weights are given, they have seen the training images already: a reward
from there is a leak (measured on CIFAR-10: 91.4 % there, 88.4 % on unseen images), so the images
for the reward and the test have to be named, or declared unseen by the dataset.
"""

from collections.abc import Iterable
from typing import Literal, get_args

import numpy as np

from edgeprune.config import DataConfig
from edgeprune.errors import WorkloadError
from edgeprune.workloads.datasets import Dataset
from edgeprune.workloads.image_list import select_listed
from edgeprune.workloads.indexed_split import IndexedSplit
from edgeprune.workloads.split import Split, Splits
from edgeprune.workloads.stratified import stratified_share

Purpose = Literal["reward", "test"]
#: Share of each class that is tested, where a dataset does not tell its test images.
TEST_SHARE = 0.2


def make_splits(dataset: Dataset, config: DataConfig, *, trained: bool) -> Splits:
    """Cut a dataset into train, reward and test.

    Args:
        dataset: the opened dataset.
        config: `reward_split`, `reward_list`, `test_list` and `seed`.
        trained: whether weights were given.

    Raises:
        WorkloadError: a split is missing, a list does not fit, two splits share an image, or a
            reward or test image is one that given weights were trained on.
    """
    listed = {
        purpose: _listed(dataset, config, purpose)
        for purpose in get_args(Purpose)
        if getattr(config, f"{purpose}_list") is not None
    }
    if trained:
        _require_unseen(dataset, config, listed)
    train = _without(dataset.train, listed.values())
    test: Split | None = listed.get("test", dataset.test)
    if test is None and not dataset.divided:
        train, test = _cut(train, TEST_SHARE, "test", config)
    if test is None:
        msg = (
            f"workload.data {config.name!r} has no test split: add test/ or val/ beside train/, "
            "or name the test images in workload.data.test_list"
        )
        raise WorkloadError(msg)
    reward: Split | None = listed.get("reward", dataset.reward)
    if reward is None:
        train, reward = _cut(train, config.reward_split, "reward", config)
    splits = Splits(train, reward, test)
    _require_disjoint(splits)
    return splits


def _listed(dataset: Dataset, config: DataConfig, purpose: Purpose) -> IndexedSplit:
    setting = f"{purpose}_list"
    pools = [
        split
        for split in (dataset.train, dataset.test, dataset.reward)
        if isinstance(split, IndexedSplit)
    ]
    if not pools:
        msg = (
            f"workload.data.{setting} is set, but the images of {config.name!r} have no names; "
            f"let the dataset's function give the {purpose} split"
        )
        raise WorkloadError(msg)
    return select_listed(getattr(config, setting), f"workload.data.{setting}", pools, purpose)


def _require_unseen(
    dataset: Dataset, config: DataConfig, listed: dict[Purpose, IndexedSplit]
) -> None:
    seen: set[str] = set()
    if dataset.divided and isinstance(dataset.train, IndexedSplit):
        seen = set(dataset.train.names)
    for purpose, split in listed.items():
        leaked = [name for name in split.names if name in seen]
        if leaked:
            msg = (
                f"workload.data.{purpose}_list names {_images(len(leaked), 'training ')} "
                f"(the first: {leaked[0]!r}), which the given weights were trained on: a score on "
                "those is too good; allowed: images that the weights never saw"
            )
            raise WorkloadError(msg)
    missing = [] if dataset.reward is not None or "reward" in listed else ["reward_list"]
    if "test" not in listed and (dataset.reward is None or dataset.test is None):
        missing.append("test_list")
    if missing:
        what = " and ".join(f"workload.data.{each}" for each in missing)
        msg = (
            f"{what} missing: workload.model.weights is given, and those weights may have seen "
            "any training image, so a reward split cut off them would leak. Name the images that "
            "the weights never saw, one per line relative to the root, for example each half of "
            "the test folder in one of reward_list and test_list"
        )
        raise WorkloadError(msg)


def _without(train: Split, taken: Iterable[IndexedSplit]) -> Split:
    """The training images that no list claims."""
    if not isinstance(train, IndexedSplit):
        return train
    claimed = {name for split in taken for name in split.names}
    if not claimed:
        return train
    kept = np.asarray([row for row, name in enumerate(train.names) if name not in claimed], int)
    if not len(kept):
        msg = "workload.data.reward_list and test_list leave no image to train on"
        raise WorkloadError(msg)
    return train if len(kept) == len(train) else train.select(kept, "train")


def _cut(train: Split, share: float, purpose: Purpose, config: DataConfig) -> tuple[Split, Split]:
    """A share of each class for another purpose; the rest stays for training."""
    if not isinstance(train, IndexedSplit):
        msg = (
            f"the train split of {config.name!r} cannot be cut (it is a {type(train).__name__}): "
            f"let the dataset's function give a {purpose} split, or use ArraySplit or FileSplit"
        )
        raise WorkloadError(msg)
    taken, rest = stratified_share(train.labels, share, config.seed)
    if not len(taken):
        msg = (
            f"no class of {config.name!r} has two training images: "
            f"there is nothing to cut a {purpose} split from"
        )
        raise WorkloadError(msg)
    return train.select(rest, "train"), train.select(taken, purpose)


def _require_disjoint(splits: Splits) -> None:
    pairs = (("reward", "test"), ("train", "reward"), ("train", "test"))
    for first, second in pairs:
        one, other = getattr(splits, first), getattr(splits, second)
        if not (isinstance(one, IndexedSplit) and isinstance(other, IndexedSplit)):
            continue  # images without names cannot be compared; the conformance kit does
        names = set(other.names)
        shared = [name for name in one.names if name in names]
        if shared:
            msg = (
                f"the {first} and the {second} split share {_images(len(shared))} (the first: "
                f"{shared[0]!r}); allowed: none. Name the images of both, in "
                "workload.data.reward_list and workload.data.test_list"
            )
            raise WorkloadError(msg)


def _images(count: int, kind: str = "") -> str:
    return f"{count} {kind}image{'' if count == 1 else 's'}"

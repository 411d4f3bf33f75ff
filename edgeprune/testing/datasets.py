"""Conformance kits for splits and datasets.

Hold your own to the contract that the rest of edgeprune relies on::

    import pytest
    from edgeprune.testing.datasets import DatasetConformance
    from my_project.data import my_dataset


    class TestMyDataset(DatasetConformance):
        @pytest.fixture
        def dataset(self):
            return my_dataset()

        @pytest.fixture
        def same_dataset(self):
            return my_dataset()

Use a small part of a large dataset: every image is read several times. Where targets are no
classes, say so: ``targets_are_classes = False``.
"""

import hashlib
from collections import Counter
from collections.abc import Iterator
from typing import Any, ClassVar

import pytest
import torch
from torch.utils._pytree import tree_leaves

from edgeprune.tasks import Targets
from edgeprune.tensors import flattened_inputs, single
from edgeprune.workloads import Dataset, Split
from edgeprune.workloads.split import Batch

_BATCH = 16


class SplitConformance:
    """The contract of a `Split`; inherit and give the fixture `split`, of at least 2 images.

    Attributes:
        targets_are_classes: whether they are labels, (N,) int64; others are tensors (N, ...) of
            anything, or lists of N.
        input_axes: axes of a batch; 4 of images.
    """

    targets_are_classes: ClassVar[bool] = True
    input_axes: ClassVar[int] = 4

    @pytest.fixture
    def split(self) -> Split:
        """The split to be held to the contract."""
        raise NotImplementedError

    def test_is_a_split(self, split: Split) -> None:
        """It has the four parts of the protocol, and a name."""
        assert isinstance(split, Split)
        assert isinstance(split.name, str) and split.name

    def test_every_image_comes_exactly_once(self, split: Split) -> None:
        """Shuffled, augmented or neither: targets and counts are the split's own."""
        targets = _targets(split.batches(_BATCH))
        assert len(targets) == len(split) >= 2
        shuffled = _targets(split.batches(_BATCH, generator=_generator(0)))
        assert Counter(targets) == Counter(shuffled)
        augmented = _targets(split.batches(_BATCH, generator=_generator(0), augment=True))
        assert len(augmented) == len(split)
        if self.targets_are_classes:  # others follow what happens to their images
            assert Counter(targets) == Counter(augmented)
        assert _contents(split.batches(_BATCH)) == _contents(
            split.batches(_BATCH, generator=_generator(0))
        )

    def test_batches_have_the_promised_form(self, split: Split) -> None:
        """Float32 inputs of one shape, NCHW if images, a target each, full batches but the last."""
        shapes = set()
        sizes = []
        for images, targets in _images(split.batches(_BATCH)):
            assert images.dtype == torch.float32 and images.ndim == self.input_axes
            assert isinstance(targets, torch.Tensor | list) and len(targets) == len(images)
            if self.targets_are_classes:
                assert isinstance(targets, torch.Tensor)
                assert targets.dtype == torch.int64 and targets.shape == (len(images),)
                assert targets.min() >= 0
            assert all(one.isfinite().all() for one in _tensors(targets))
            assert images.is_contiguous()
            assert images.isfinite().all()
            shapes.add(images.shape[1:])
            sizes.append(len(images))
        assert len(shapes) == 1
        assert sizes[:-1] == [_BATCH] * (len(sizes) - 1)
        assert 1 <= sizes[-1] <= _BATCH

    def test_images_are_normalised(self, split: Split) -> None:
        """Values lie around zero; raw pixels of 0 to 255 would not."""
        images = torch.cat([images for images, _ in _images(split.batches(_BATCH))])
        assert images.abs().mean() < 10

    def test_augmented_images_keep_their_shape(self, split: Split) -> None:
        """A crop is as large as the image was."""
        plain, _ = next(_images(split.batches(2)))
        augmented, _ = next(_images(split.batches(2, generator=_generator(0), augment=True)))
        assert augmented.shape == plain.shape and augmented.dtype == plain.dtype
        assert augmented.is_contiguous()
        assert augmented.isfinite().all()

    def test_order_is_fixed_without_a_generator(self, split: Split) -> None:
        """And does not depend on the batch size."""
        first = _flat(split.batches(_BATCH))
        assert first == _flat(split.batches(_BATCH))
        assert first == _flat(split.batches(len(split)))

    def test_the_generator_decides_everything(self, split: Split) -> None:
        """Equal seeds give equal batches bit for bit; the generator is moved on."""
        one, other = _generator(1), _generator(1)
        first = _flat(split.batches(_BATCH, generator=one, augment=True))
        again = _flat(split.batches(_BATCH, generator=other, augment=True))
        assert first == again
        assert torch.equal(one.get_state(), other.get_state())
        assert not torch.equal(one.get_state(), _generator(1).get_state())

    def test_global_random_state_is_left_alone(self, split: Split) -> None:
        """Only the generator is drawn from; a resumed run could not restore anything else."""
        before = torch.get_rng_state()
        _flat(split.batches(_BATCH, generator=_generator(0), augment=True))
        split.subset(2, 0)
        assert torch.equal(before, torch.get_rng_state())

    def test_iterations_do_not_disturb_each_other(self, split: Split) -> None:
        """Two loops over one split at the same time each see all of it."""
        one, other = split.batches(1), split.batches(1)
        pairs = [(next(one), next(other)) for _ in range(2)]
        for (first, _), (second, _) in pairs:
            same = map(torch.equal, *(flattened_inputs(each).values() for each in (first, second)))
            assert all(same)

    def test_subset_is_a_part_decided_by_the_seed(self, split: Split) -> None:
        """Nothing new, nothing twice, and equal seeds give equal parts."""
        count = max(len(split) // 2, 1)
        part = split.subset(count, 3)
        assert len(part) == count
        assert _contents(part.batches(_BATCH)) <= _contents(split.batches(_BATCH))
        again = split.subset(count, 3)
        assert _flat(part.batches(_BATCH)) == _flat(again.batches(_BATCH))

    def test_subset_balances_the_classes(self, split: Split) -> None:
        """One class never gets two images more than another that still has some to give."""
        if not self.targets_are_classes:
            pytest.skip("there are no classes to balance")
        supply = Counter(_labels(split.batches(_BATCH)))
        count = max(len(split) // 2, 1)
        taken = Counter(_labels(split.subset(count, 5).batches(_BATCH)))
        most = max(taken.values())
        for label, available in supply.items():
            assert taken[label] >= min(available, most - 1)

    def test_subset_of_more_than_all_is_all(self, split: Split) -> None:
        """A caller need not know how many images there are."""
        assert len(split.subset(len(split) + 7, 0)) == len(split)

    def test_impossible_requests_are_refused(self, split: Split) -> None:
        """ValueError, before any image is read."""
        with pytest.raises(ValueError, match="0"):
            split.batches(0)
        with pytest.raises(ValueError, match="generator"):
            split.batches(_BATCH, augment=True)
        with pytest.raises(ValueError, match="0"):
            split.subset(0, 0)


class DatasetConformance:
    """The contract of a `Dataset`; inherit and give the fixtures `dataset` and `same_dataset`.

    Attributes:
        targets_are_classes: as of `SplitConformance`.
    """

    targets_are_classes: ClassVar[bool] = True

    @pytest.fixture
    def dataset(self) -> Dataset:
        """The dataset to be held to the contract."""
        raise NotImplementedError

    @pytest.fixture
    def same_dataset(self) -> Dataset:
        """The same dataset, opened once more."""
        raise NotImplementedError

    def test_has_classes_and_images(self, dataset: Dataset) -> None:
        """Classes of different names, and labels that are among them, which are two at least."""
        assert len(dataset.classes) == len(set(dataset.classes))
        assert all(isinstance(split, Split) for split in _parts(dataset))
        if self.targets_are_classes:
            assert len(dataset.classes) >= 2
            for split in _parts(dataset):
                assert max(_labels(split.batches(_BATCH))) < len(dataset.classes)

    def test_every_class_can_be_learnt(self, dataset: Dataset) -> None:
        """Each has training images."""
        if not self.targets_are_classes:
            pytest.skip("what a target holds of each class is the task's to know")
        seen = set(_labels(dataset.train.batches(_BATCH)))
        assert seen == set(range(len(dataset.classes)))

    def test_all_splits_have_one_image_shape(self, dataset: Dataset) -> None:
        """One model takes them all."""
        shapes = {next(_images(split.batches(1)))[0].shape for split in _parts(dataset)}
        assert len(shapes) == 1

    def test_no_image_is_in_two_splits(self, dataset: Dataset) -> None:
        """Compared pixel by pixel: a score on training images would be too good."""
        seen: set[str] = set()
        for split in _parts(dataset):
            contents = set(_contents(split.batches(_BATCH)))
            assert not seen & contents, f"{split.name} repeats images of another split"
            seen |= contents

    def test_opening_it_again_gives_the_same(self, dataset: Dataset, same_dataset: Dataset) -> None:
        """A resumed run has to find the images that it began with."""
        assert dataset.classes == same_dataset.classes
        for one, other in zip(_parts(dataset), _parts(same_dataset), strict=True):
            assert _flat(one.batches(_BATCH)) == _flat(other.batches(_BATCH))


Batches = Iterator[Batch]


def _parts(dataset: Dataset) -> list[Split]:
    return [part for part in (dataset.train, dataset.reward, dataset.test) if part is not None]


def _generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def _images(batches: Batches) -> Iterator[tuple[torch.Tensor, Targets]]:
    for inputs, targets in batches:
        yield single(inputs, "this kit"), targets


def _labels(batches: Batches) -> list[int]:
    return [label for _, labels in batches for label in labels.tolist()]


def _targets(batches: Batches) -> list[str]:
    """What each image's target holds, bit for bit."""
    return [_digest(target) for _, targets in batches for target in targets]


def _flat(batches: Batches) -> list[tuple[str, str]]:
    """Images and targets in their order, bit for bit."""
    return [
        (_digest(image), _digest(target))
        for images, targets in _images(batches)
        for image, target in zip(images, targets, strict=True)
    ]


def _tensors(target: Any) -> list[torch.Tensor]:
    return [one for one in tree_leaves(target) if isinstance(one, torch.Tensor)]


def _digest(target: Any) -> str:
    digest = hashlib.sha256()
    for one in tree_leaves(target):
        if isinstance(one, torch.Tensor):
            digest.update(f"{one.dtype}{tuple(one.shape)}".encode())
            digest.update(one.contiguous().numpy().tobytes())
        else:
            digest.update(repr(one).encode())
    return digest.hexdigest()


def _contents(batches: Batches) -> Counter[str]:
    return Counter(
        hashlib.sha256(image.numpy().tobytes()).hexdigest()
        for images, _ in _images(batches)
        for image in images
    )

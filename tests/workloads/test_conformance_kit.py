"""The kit itself: a split with a fault is caught by the test that is about it."""

import numpy as np
import pytest
import torch

from edgeprune.testing.datasets import DatasetConformance, SplitConformance
from edgeprune.workloads import ArraySplit, Dataset


class _Faulty(ArraySplit):
    def __init__(self, fault: str, seed: int = 0) -> None:
        images = np.random.default_rng(seed).integers(0, 256, (30, 3, 8, 8), dtype=np.uint8)
        super().__init__("train", images, np.repeat([0, 1], [24, 6]))
        self.fault = fault

    def batches(self, batch_size, *, generator=None, augment=False):
        for images, labels in super().batches(batch_size, generator=generator):
            if self.fault == "raw pixels":
                images = images * 255
            if self.fault == "labels are float":
                labels = labels.float()
            if self.fault == "global randomness" and augment:
                images = images + torch.rand(1)
            if self.fault == "loses the rest" and len(images) < batch_size:
                return
            yield images, labels

    def subset(self, count, seed):
        if self.fault == "first rows":
            return self._part(np.arange(min(count, len(self))))
        if self.fault == "unseeded":
            return self._part(np.random.default_rng().permutation(len(self))[:count])
        return self._part(np.arange(count))

    def _part(self, rows):
        return ArraySplit("train", self._images[rows], self.labels[rows])


@pytest.mark.parametrize(
    ("fault", "test"),
    [
        ("raw pixels", "test_images_are_normalised"),
        ("labels are float", "test_batches_have_the_promised_form"),
        ("global randomness", "test_the_generator_decides_everything"),
        ("global randomness", "test_global_random_state_is_left_alone"),
        ("loses the rest", "test_every_image_comes_exactly_once"),
        ("first rows", "test_subset_balances_the_classes"),
        ("unseeded", "test_subset_is_a_part_decided_by_the_seed"),
        ("none", "test_impossible_requests_are_refused"),
    ],
)
def test_a_faulty_split_is_caught(fault: str, test: str) -> None:
    with pytest.raises((AssertionError, pytest.fail.Exception)):
        getattr(SplitConformance(), test)(_Faulty(fault))


def test_a_leak_between_train_and_test_is_caught() -> None:
    leaky = Dataset(("a", "b"), train=_Faulty("none"), test=_Faulty("none"))
    with pytest.raises(AssertionError, match="repeats"):
        DatasetConformance().test_no_image_is_in_two_splits(leaky)


def test_a_dataset_that_changes_is_caught() -> None:
    one = Dataset(("a", "b"), train=_Faulty("none", 0), test=None)
    other = Dataset(("a", "b"), train=_Faulty("none", 1), test=None)
    with pytest.raises(AssertionError):
        DatasetConformance().test_opening_it_again_gives_the_same(one, other)

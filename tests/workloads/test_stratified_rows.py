import numpy as np
import pytest

from edgeprune.workloads.stratified import balanced_rows, stratified_share


@pytest.mark.parametrize("share", [0.01, 0.25, 0.5, 0.99])
def test_each_class_gives_its_share_and_keeps_some(share: float) -> None:
    labels = np.repeat([0, 1, 2], [100, 20, 2])
    taken, rest = stratified_share(labels, share, seed=0)
    assert sorted([*taken, *rest]) == list(range(len(labels)))
    for label, size in ((0, 100), (1, 20), (2, 2)):
        count = int((labels[taken] == label).sum())
        assert 1 <= count <= size - 1
        assert abs(count - share * size) <= 1


def test_a_lone_image_stays_with_the_rest() -> None:
    taken, rest = stratified_share(np.array([0, 0, 0, 7]), 0.5, seed=0)
    assert 3 in rest and 3 not in taken


def test_cuts_follow_the_seed_and_are_not_the_first_rows() -> None:
    labels = np.zeros(100, np.int64)
    one, _ = stratified_share(labels, 0.2, seed=1)
    assert np.array_equal(one, stratified_share(labels, 0.2, seed=1)[0])
    assert not np.array_equal(one, stratified_share(labels, 0.2, seed=2)[0])
    assert not np.array_equal(one, np.arange(20))


def test_balance_holds_until_a_class_runs_out() -> None:
    labels = np.repeat([0, 1, 2], [50, 50, 4])
    rows = balanced_rows(labels, 30, seed=0)
    assert len(set(rows)) == 30
    assert np.bincount(labels[rows]).tolist() == [13, 13, 4]

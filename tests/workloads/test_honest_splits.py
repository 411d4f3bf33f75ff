from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from edgeprune.config import DataConfig
from edgeprune.errors import WorkloadError
from edgeprune.workloads import ArraySplit, Splits
from edgeprune.workloads.datasets import open_dataset
from edgeprune.workloads.splitting import make_splits

MakeFolder = Callable[..., Path]
USER = "tests.workloads.user_code"


def _split(config: DataConfig, *, trained: bool = False) -> Splits:
    return make_splits(open_dataset(config), config, trained=trained)


def _names(split: object) -> set[str]:
    assert isinstance(split, ArraySplit)
    return set(split.names)


def _list(path: Path, *names: str) -> Path:
    path.write_text("\n".join(names) + "\n")
    return path


@pytest.mark.parametrize("share", [0.1, 0.25, 0.6])
def test_the_reward_split_is_cut_off_the_training_images(share: float) -> None:
    config = DataConfig(name="digits", reward_split=share)
    dataset, splits = open_dataset(config), _split(config)
    assert _names(splits.train) | _names(splits.reward) == _names(dataset.train)
    assert not _names(splits.train) & _names(splits.reward)
    assert _names(splits.test) == _names(dataset.test)
    assert isinstance(splits.reward, ArraySplit)
    counts = np.bincount(splits.reward.labels)
    assert abs(len(splits.reward) / len(dataset.train) - share) < 0.01
    assert counts.max() - counts.min() <= 0.1 * counts.max() + 1
    assert [splits.train.name, splits.reward.name, splits.test.name] == ["train", "reward", "test"]


def test_the_cut_follows_the_seed() -> None:
    cuts = [_names(_split(DataConfig(name="digits", seed=seed)).reward) for seed in (0, 0, 1)]
    assert cuts[0] == cuts[1] != cuts[2]


def test_given_weights_need_lists(make_folder: MakeFolder, tmp_path: Path) -> None:
    root = make_folder()
    with pytest.raises(WorkloadError, match=r"reward_list and workload\.data\.test_list missing"):
        _split(DataConfig(name="imagefolder", root=root), trained=True)
    reward = _list(tmp_path / "reward.txt", "test/cat/00.jpg", "test/dog/00.jpg")
    with pytest.raises(WorkloadError, match=r"workload\.data\.test_list missing"):
        _split(DataConfig(name="imagefolder", root=root, reward_list=reward), trained=True)


def test_lists_decide_and_all_training_images_stay(make_folder: MakeFolder, tmp_path: Path) -> None:
    config = DataConfig(
        name="imagefolder",
        root=make_folder(),
        reward_list=_list(tmp_path / "reward.txt", "test/dog/01.jpg", "", "./test/cat/00.jpg"),
        test_list=_list(tmp_path / "test.txt", "test/eel/05.jpg", "test/dog/00.jpg"),
    )
    splits = _split(config, trained=True)
    assert isinstance(splits.reward, ArraySplit) and isinstance(splits.test, ArraySplit)
    assert splits.reward.names.tolist() == ["test/dog/01.jpg", "test/cat/00.jpg"]
    assert splits.reward.labels.tolist() == [1, 0]
    assert splits.test.labels.tolist() == [2, 1]
    assert len(splits.train) == 18


def test_a_val_folder_declares_the_reward_split(make_folder: MakeFolder) -> None:
    config = DataConfig(name="imagefolder", root=make_folder(parts=("train", "val", "test")))
    for trained in (True, False):
        splits = _split(config, trained=trained)
        assert {name.split("/")[0] for name in _names(splits.reward)} == {"val"}
        assert len(splits.train) == 18


def test_listed_training_images_leak_where_weights_are_given(
    make_folder: MakeFolder, tmp_path: Path
) -> None:
    config = DataConfig(
        name="imagefolder",
        root=make_folder(),
        reward_list=_list(tmp_path / "reward.txt", "train/cat/00.jpg"),
        test_list=_list(tmp_path / "test.txt", "test/cat/00.jpg"),
    )
    with pytest.raises(WorkloadError, match=r"reward_list names 1 training.*train/cat/00\.jpg"):
        _split(config, trained=True)


def test_listed_training_images_are_not_trained_on_here(
    make_folder: MakeFolder, tmp_path: Path
) -> None:
    root = make_folder(parts=("train",))
    config = DataConfig(
        name="imagefolder",
        root=root,
        reward_list=_list(tmp_path / "reward.txt", "train/cat/00.jpg", "train/dog/00.jpg"),
        test_list=_list(tmp_path / "test.txt", "train/cat/01.jpg"),
    )
    splits = _split(config)
    assert len(splits.train) == 15
    assert not _names(splits.train) & (_names(splits.reward) | _names(splits.test))


def test_no_test_split(make_folder: MakeFolder) -> None:
    config = DataConfig(name="imagefolder", root=make_folder(parts=("train",)))
    with pytest.raises(WorkloadError, match=r"no test split.*test/ or val/.*test_list"):
        _split(config)


@pytest.mark.parametrize(
    ("reward", "test", "message"),
    [
        (["test/cat/00.jpg"], ["test/cat/00.jpg"], r"share 1 image \(.*'test/cat/00\.jpg'"),
        (["test/cat/00.jpg"], None, r"reward and the test split share 1 image "),
        (["test/cat/00.jpg", "test/cat/00.jpg"], None, "twice"),
        (["test/cat/0.jpg"], None, r"'test/cat/0\.jpg'.*did you mean 'test/cat/0\d\.jpg'"),
        (["cat/00.jpg"], None, r"does not have \(its images are named like"),
        (["train/cat/00.jpg", "test/cat/01.jpg"], None, "mixes images of train and test"),
        ([], None, "is empty"),
    ],
)
def test_lists_that_do_not_fit(
    make_folder: MakeFolder,
    tmp_path: Path,
    reward: list[str],
    test: list[str] | None,
    message: str,
) -> None:
    config = DataConfig(
        name="imagefolder",
        root=make_folder(),
        reward_list=_list(tmp_path / "reward.txt", *reward),
        test_list=None if test is None else _list(tmp_path / "test.txt", *test),
    )
    with pytest.raises(WorkloadError, match=message):
        _split(config)


def test_a_list_that_is_missing_or_no_text(make_folder: MakeFolder, tmp_path: Path) -> None:
    root = make_folder()
    with pytest.raises(WorkloadError, match=r"reward_list: .*gone\.txt cannot be read"):
        _split(DataConfig(name="imagefolder", root=root, reward_list=tmp_path / "gone.txt"))
    (tmp_path / "binary.txt").write_bytes(b"\xff\xfe\x00\x81")
    with pytest.raises(WorkloadError, match=r"binary\.txt is no text file"):
        _split(DataConfig(name="imagefolder", root=root, reward_list=tmp_path / "binary.txt"))


def test_lists_may_claim_everything_but_not_all_training_images(
    make_folder: MakeFolder, tmp_path: Path
) -> None:
    root = make_folder(parts=("train",), images=1, classes=("cat", "dog"))
    config = DataConfig(
        name="imagefolder",
        root=root,
        reward_list=_list(tmp_path / "reward.txt", "train/cat/00.jpg"),
        test_list=_list(tmp_path / "test.txt", "train/dog/00.jpg"),
    )
    with pytest.raises(WorkloadError, match="leave no image to train on"):
        _split(config)


def test_too_few_images_for_a_reward_split(make_folder: MakeFolder) -> None:
    config = DataConfig(name="imagefolder", root=make_folder(images=1))
    with pytest.raises(WorkloadError, match="no class of 'imagefolder' has two"):
        _split(config)


def test_a_dataset_may_declare_its_reward_split_unseen() -> None:
    config = DataConfig(name=f"{USER}:grey_data_with_reward")
    splits = _split(config, trained=True)
    assert (len(splits.train), len(splits.reward), len(splits.test)) == (40, 12, 20)


def test_splits_without_names_have_to_bring_their_reward(tmp_path: Path) -> None:
    with pytest.raises(WorkloadError, match="cannot be cut"):
        _split(DataConfig(name=f"{USER}:opaque_data"))
    splits = _split(DataConfig(name=f"{USER}:opaque_data", args={"reward": True}))
    assert len(splits.reward) == 12
    listed = DataConfig(name=f"{USER}:opaque_data", reward_list=_list(tmp_path / "a.txt", "x"))
    with pytest.raises(WorkloadError, match="have no names"):
        _split(listed)

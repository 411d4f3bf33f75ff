"""Folders and files as people have them: no parts, other names, litter, odd colour modes."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edgeprune.config import DataConfig
from edgeprune.errors import WorkloadError
from edgeprune.workloads.datasets.imagefolder import imagecsv, imagefolder
from edgeprune.workloads.decoding import decode, read_size
from edgeprune.workloads.indexed_split import IndexedSplit
from edgeprune.workloads.splitting import make_splits

MakeFolder = Callable[..., Path]


def _names(split: object) -> list[str]:
    assert isinstance(split, IndexedSplit)
    return list(split.names)


@pytest.fixture
def flat(make_folder: MakeFolder) -> Path:
    """Class folders without parts, ten images each."""
    return make_folder(images=10) / "train"


def test_class_folders_alone_are_divided_by_us(flat: Path) -> None:
    config = DataConfig(name="imagefolder", root=flat)
    splits = make_splits(imagefolder(root=flat), config, trained=False)
    parts = [_names(one) for one in (splits.train, splits.reward, splits.test)]
    assert len(set().union(*parts)) == sum(map(len, parts)) == 30
    assert [sum(name.startswith("dog/") for name in part) for part in parts] == [6, 2, 2]
    again = make_splits(imagefolder(root=flat), config, trained=False)
    assert _names(again.test) == parts[2]
    other = make_splits(
        imagefolder(root=flat), config.model_copy(update={"seed": 1}), trained=False
    )
    assert _names(other.test) != parts[2]


def test_given_weights_need_lists_there_and_the_lists_are_believed(
    flat: Path, tmp_path: Path
) -> None:
    config = DataConfig(name="imagefolder", root=flat)
    with pytest.raises(WorkloadError, match=r"reward_list and workload\.data\.test_list missing"):
        make_splits(imagefolder(root=flat), config, trained=True)
    for name, image in (("reward", "01"), ("test", "02")):
        lines = [f"{animal}/{image}.jpg" for animal in ("cat", "dog", "eel")]
        (tmp_path / f"{name}.txt").write_text("\n".join(lines))
    config = config.model_copy(
        update={"reward_list": tmp_path / "reward.txt", "test_list": tmp_path / "test.txt"}
    )
    splits = make_splits(imagefolder(root=flat), config, trained=True)
    assert _names(splits.reward) == ["cat/01.jpg", "dog/01.jpg", "eel/01.jpg"]
    assert len(splits.train) == 24 and len(splits.test) == 3


@pytest.mark.parametrize("name", ["valid", "validation"])
def test_other_names_of_val(make_folder: MakeFolder, name: str) -> None:
    root = make_folder(parts=("train", "val", "test"))
    (root / "val").rename(root / name)
    dataset = imagefolder(root=root)
    assert dataset.reward is not None and _names(dataset.reward)[0].startswith(f"{name}/")


def test_litter_is_no_class(flat: Path) -> None:
    (flat / "__MACOSX").mkdir()
    (flat / "dog" / "__MACOSX").mkdir()
    (flat / "dog" / "._01.jpg").write_bytes(b"resource fork")
    (flat / "dog" / "__MACOSX" / "02.jpg").write_bytes(b"resource fork")
    dataset = imagefolder(root=flat)
    assert dataset.classes == ("cat", "dog", "eel") and len(dataset.train) == 30


def test_a_photo_is_turned_as_its_camera_was(tmp_path: Path) -> None:
    pixels = np.zeros((20, 40, 3), np.uint8)
    pixels[:, :20] = 255  # bright on the left
    image = Image.fromarray(pixels)
    exif = image.getexif()
    exif[0x0112] = 6  # the camera was held upright: the left side is the top
    image.save(tmp_path / "turned.png", exif=exif)
    found = decode(tmp_path / "turned.png")
    assert found.shape == (40, 20, 3) and read_size(tmp_path / "turned.png") == (40, 20)
    assert found[:20].mean() > 250 and found[20:].mean() < 5


def test_colour_modes(tmp_path: Path) -> None:
    ramp = np.linspace(0, 65535, 256).astype(np.uint16).reshape(16, 16)
    Image.fromarray(ramp).save(tmp_path / "deep.png")
    found = decode(tmp_path / "deep.png")
    assert found.shape == (16, 16, 3) and np.array_equal(found[..., 0], ramp >> 8)
    for mode, ending in (("CMYK", "jpg"), ("P", "gif"), ("LA", "png"), ("1", "png")):
        path = tmp_path / f"{mode}.{ending}"
        Image.new("RGB", (8, 8), (255, 255, 255)).convert(mode).save(path)
        found = decode(path)
        assert found.shape == (8, 8, 3) and found.min() > 250, mode


def _table(flat: Path, rows: list[str], header: str = "path,label") -> Path:
    (flat / "images.csv").write_text("\n".join([header, *rows]) + "\n")
    return flat / "images.csv"


def _all(flat: Path) -> list[str]:
    return [str(path.relative_to(flat)) for path in sorted(flat.glob("*/*.jpg"))]


def test_a_table_of_paths_and_labels(flat: Path) -> None:
    rows = [f"{name},{'animal' if name < 'dog' else 'other'}" for name in _all(flat)]
    dataset = imagecsv(file=str(_table(flat, rows)))
    assert dataset.classes == ("animal", "other") and not dataset.divided
    assert np.bincount(dataset.train.labels).tolist() == [10, 20]  # type: ignore[attr-defined]


def test_a_table_with_splits(flat: Path) -> None:
    parts = ["train"] * 6 + ["valid"] * 2 + ["test"] * 2
    rows = [f"{name},{name[:3]},{parts[int(name[4:6])]}" for name in _all(flat)]
    dataset = imagecsv(file=str(_table(flat, rows, "filename,class,split")))
    assert dataset.reward is not None and dataset.test is not None
    assert [len(one) for one in (dataset.train, dataset.reward, dataset.test)] == [18, 6, 6]


@pytest.mark.parametrize(
    ("header", "row", "message"),
    [
        ("pth,label", "cat/00.jpg,x", r"no column 'path' \(columns: pth, label\).*mean 'pth'"),
        ("path,label", "cat/00.jpg,x", "1 different labels in 1 rows"),
        ("path,label", "cat/00.jpg,x\ncat/00.jpg,y", r"images\.csv:3: names 'cat/00\.jpg' twice"),
        ("path,label", "cat/00.jpg,x\ncat/99.jpg,y", r"names 'cat/99\.jpg', which is not in"),
        ("path,label,split", "cat/00.jpg,x,train\ncat/01.jpg,y,dev", "split is 'dev'; allowed"),
    ],
)
def test_tables_that_cannot_be_used(flat: Path, header: str, row: str, message: str) -> None:
    with pytest.raises(WorkloadError, match=message):
        imagecsv(file=str(_table(flat, [row], header)))

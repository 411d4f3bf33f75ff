import os
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from edgeprune.errors import WorkloadError
from edgeprune.workloads import ArraySplit, Dataset, decoded_images
from edgeprune.workloads.datasets.imagefolder import imagefolder

MakeFolder = Callable[..., Path]


def _entries(cache: Path) -> list[Path]:
    return sorted((cache / "decoded").iterdir())


def _first_image(dataset: Dataset) -> torch.Tensor:
    return next(iter(dataset.train.batches(1)))[0]


@pytest.fixture
def decodings(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every file that is decoded, in order."""
    seen: list[str] = []
    decode = decoded_images.decode

    def noted(path: str, **options: int) -> np.ndarray:
        seen.append(path)
        return decode(path, **options)

    monkeypatch.setattr(decoded_images, "decode", noted)
    return seen


def test_images_are_decoded_once_and_mapped(
    make_folder: MakeFolder, cache: Path, decodings: list[str]
) -> None:
    root = make_folder()
    first = imagefolder(root=root)
    decoded = len(decodings)
    again = imagefolder(root=root)
    assert decoded >= 36 and len(decodings) == decoded
    assert torch.equal(_first_image(first), _first_image(again))
    assert isinstance(again.train, ArraySplit) and isinstance(again.train._images, np.memmap)
    assert len(_entries(cache)) == 1


def test_an_overwritten_image_is_seen_though_size_and_times_are_put_back(
    make_folder: MakeFolder, cache: Path
) -> None:
    root = make_folder()
    path = root / "train/cat/00.jpg"
    before, stamps = _first_image(imagefolder(root=root)), path.stat()
    content = bytearray((root / "train/cat/01.jpg").read_bytes())
    # Padding behind the end marker does not change the picture.
    content += bytes(max(stamps.st_size - len(content), 0))
    time.sleep(0.02)  # the kernel's clock for change times ticks every few milliseconds
    path.write_bytes(content)
    os.utime(path, ns=(stamps.st_atime_ns, stamps.st_mtime_ns))
    after = _first_image(imagefolder(root=root))
    assert not torch.equal(before, after)
    assert len(_entries(cache)) == 1


@pytest.mark.parametrize("change", ["added", "removed", "renamed"])
def test_a_changed_folder_never_meets_old_pixels(
    make_folder: MakeFolder, cache: Path, change: str
) -> None:
    root = make_folder()
    imagefolder(root=root)
    first = root / "train/cat/00.jpg"
    if change == "added":
        Image.new("RGB", (20, 20), "white").save(root / "train/cat/000.jpg")
    elif change == "removed":
        first.unlink()
    else:
        first.rename(root / "train/cat/99.jpg")
    kept = imagefolder(root=root, mean=(0.0,), std=(1.0,))
    assert isinstance(kept.train, ArraySplit)
    with Image.open(root / kept.train.names[0]) as image:
        expected = np.asarray(image.convert("RGB")).transpose(2, 0, 1) / 255
    assert np.allclose(_first_image(kept)[0].numpy(), expected, atol=1e-5)
    assert len(_entries(cache)) == 1


def test_each_size_has_its_own_entry(make_folder: MakeFolder, cache: Path) -> None:
    root = make_folder()
    assert _first_image(imagefolder(root=root, image_size=16)).shape[2:] == (16, 16)
    assert _first_image(imagefolder(root=root, image_size=24)).shape[2:] == (24, 24)
    assert len(_entries(cache)) == 2


def test_a_failure_leaves_nothing_that_looks_finished(make_folder: MakeFolder, cache: Path) -> None:
    root = make_folder()
    good = (root / "train/cat/03.jpg").read_bytes()
    (root / "train/cat/03.jpg").write_bytes(b"broken")
    with pytest.raises(WorkloadError):
        imagefolder(root=root)
    assert _entries(cache) == []
    (root / "train/cat/03.jpg").write_bytes(good)
    assert len(imagefolder(root=root).train) == 18


def test_a_cache_that_cannot_be_made_names_the_way_out(
    make_folder: MakeFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a-file").write_text("")
    monkeypatch.setenv("EDGEPRUNE_CACHE", str(tmp_path / "a-file"))
    with pytest.raises(WorkloadError, match=r"a-file.*EDGEPRUNE_CACHE"):
        imagefolder(root=make_folder())


def test_a_full_disk_is_a_message_and_no_crash(
    make_folder: MakeFolder, monkeypatch: pytest.MonkeyPatch, cache: Path
) -> None:
    def full(*_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full)
    with pytest.raises(WorkloadError, match=r"No space left.*EDGEPRUNE_CACHE"):
        imagefolder(root=make_folder())
    assert _entries(cache) == []

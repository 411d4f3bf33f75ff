import pytest
import torch
import torch.nn.functional as F

from edgeprune.workloads import Augmentation


def _images(count: int = 64, height: int = 32, width: int = 32) -> torch.Tensor:
    # Pixels from 1, so that a zero can only be padding.
    return torch.randint(1, 256, (count, 3, height, width), dtype=torch.uint8)


@pytest.mark.parametrize("flip", [True, False])
def test_each_image_is_a_crop_of_its_padded_self(flip: bool) -> None:
    images = _images()
    augmented = Augmentation(flip)(images, torch.Generator().manual_seed(0))
    padded = F.pad(images, (4, 4, 4, 4))
    places, mirrored = set(), 0
    for source, result in zip(padded, augmented, strict=True):
        crops = {
            (y, x, turned): source[:, y : y + 32, x : x + 32]
            for y in range(9)
            for x in range(9)
            for turned in (False, True)
        }
        matches = [
            key
            for key, crop in crops.items()
            if torch.equal(crop.flip(2) if key[2] else crop, result)
        ]
        assert len(matches) == 1
        places.add(matches[0][:2])
        mirrored += matches[0][2]
    assert len(places) > 30
    assert {0, 8} & {y for y, _ in places} and {0, 8} & {x for _, x in places}
    assert (20 <= mirrored <= 44) if flip else mirrored == 0


def test_padding_is_in_proportion_on_oblong_images() -> None:
    images = _images(200, 16, 64)
    augmented = Augmentation(flip=False)(images, torch.Generator().manual_seed(0))
    assert augmented.shape == images.shape
    empty_rows = (augmented == 0).all(dim=(1, 3)).sum(1)
    empty_columns = (augmented == 0).all(dim=(1, 2)).sum(1)
    assert empty_rows.max() == 2 and empty_columns.max() == 8


def test_the_source_is_not_written_to() -> None:
    images = _images(4)
    before = images.clone()
    Augmentation()(images, torch.Generator().manual_seed(0)).zero_()
    assert torch.equal(images, before)

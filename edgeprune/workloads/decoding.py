"""From an image file to pixels."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps

from edgeprune.errors import WorkloadError

#: File endings that count as images, as in torchvision.
IMAGE_SUFFIXES = (
    ".jpg", ".jpeg", ".png", ".ppm", ".bmp", ".pgm", ".tif", ".tiff", ".webp", ".gif",
)  # fmt: skip
#: What a file may be, whatever its name says: other readers of Pillow start programs (EPS).
_FORMATS = ("BMP", "GIF", "JPEG", "PNG", "PPM", "TIFF", "WEBP")
#: Pixels of the largest image, about 8,000 x 8,000: some 600 MB while it is decoded. A few
#: kilobytes of PNG can stand for more than any memory holds.
MOST_PIXELS = 64_000_000
#: The EXIF tag that says how a camera was held, and its values of a turn to the left or right.
_ORIENTATION = 0x0112
_QUARTER_TURNS = (5, 6, 7, 8)

#: Pillow's own limit, and its warning where warnings are errors.
_BOMBS = (Image.DecompressionBombError, Image.DecompressionBombWarning)

Pixels = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Scaling:
    """How an image is scaled before a square is cut out of it.

    Attributes:
        crop_share: side of the crop, as a share of the scaled image's shorter side; 1 leaves
            nothing around it.
        interpolation: one of Pillow's: nearest, box, bilinear, hamming, bicubic, lanczos.
    """

    crop_share: float = 7 / 8
    interpolation: str = "bilinear"


def decode(
    path: Path | str, *, shorter_side: int | None = None, interpolation: str = "bilinear"
) -> Pixels:
    """Read an image.

    Args:
        path: of the file.
        shorter_side: the image, turned as its EXIF data say, is scaled so that its shorter side has
            this many pixels (as torchvision's ``Resize``); left as it is where not given.
        interpolation: see `Scaling`.

    Returns:
        (H, W, 3) uint8.

    Raises:
        WorkloadError: the file is no image, is damaged, or has more than `MOST_PIXELS`.
    """
    try:
        with opened_image(path) as opened:
            image = _as_rgb(ImageOps.exif_transpose(opened))
            if shorter_side is not None and min(image.size) != shorter_side:
                by = Image.Resampling[interpolation.upper()]
                image = image.resize(_scaled(image.size, shorter_side), by)
            return np.asarray(image)
    # Damaged files raise all of these, depending on where they are damaged.
    except (OSError, SyntaxError, ValueError, EOFError, *_BOMBS) as error:
        msg = f"image {path} cannot be read: {error}; replace or remove it"
        raise WorkloadError(msg) from error


def read_size(path: Path | str) -> tuple[int, int]:
    """Height and width of an image, from its header.

    Raises:
        WorkloadError: the file is no image, or has more than `MOST_PIXELS`.
    """
    try:
        with opened_image(path) as opened:
            turned = opened.getexif().get(_ORIENTATION, 1) in _QUARTER_TURNS
            return opened.size if turned else opened.size[::-1]
    except (OSError, SyntaxError, ValueError, *_BOMBS) as error:
        msg = f"image {path} cannot be read: {error}; replace or remove it"
        raise WorkloadError(msg) from error


def crop(pixels: Pixels, size: int, top: float, left: float) -> Pixels:
    """Cut a square out of an image.

    Args:
        pixels: (H, W, 3), both sides at least `size`.
        size: of the square.
        top: where it starts, as a share of the room there is: 0 at the top, 0.5 in the centre.
        left: the same from the left.

    Returns:
        (size, size, 3), a view.
    """
    y = round(top * (pixels.shape[0] - size))
    x = round(left * (pixels.shape[1] - size))
    return pixels[y : y + size, x : x + size]


def opened_image(path: Path | str) -> Image.Image:
    """An image of which only the header has been read.

    Raises:
        ValueError: it is too large.
        OSError: it is no image, or of a format that is not read.
    """
    image = Image.open(path, formats=_FORMATS)
    width, height = image.size
    if width * height > MOST_PIXELS:
        image.close()
        msg = f"it has {width:,} x {height:,} pixels; allowed: at most {MOST_PIXELS:,} in all"
        raise ValueError(msg)
    return image


def _as_rgb(image: Image.Image) -> Image.Image:
    """Three channels of 8 bits; of 16 bits the upper 8, which Pillow would clip instead."""
    if image.mode == "RGB":
        return image
    if image.mode.startswith("I"):
        deep = np.asarray(image)
        image = Image.fromarray((deep >> 8 if deep.max() > 255 else deep).astype(np.uint8))
    return image.convert("RGB")


def _scaled(size: tuple[int, int], shorter_side: int) -> tuple[int, int]:
    width, height = size
    factor = shorter_side / min(size)
    return max(round(width * factor), shorter_side), max(round(height * factor), shorter_side)

"""From an image file to pixels."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from edgeprune.errors import WorkloadError

#: File endings that count as images, as in torchvision.
IMAGE_SUFFIXES = (
    ".jpg", ".jpeg", ".png", ".ppm", ".bmp", ".pgm", ".tif", ".tiff", ".webp",
)  # fmt: skip

Pixels = npt.NDArray[np.uint8]


def decode(path: Path | str, *, shorter_side: int | None = None) -> Pixels:
    """Read an image.

    Args:
        path: of the file.
        shorter_side: the image is scaled so that its shorter side has this many pixels
            (bilinear, as torchvision's ``Resize``); left as it is where not given.

    Returns:
        (H, W, 3) uint8.

    Raises:
        WorkloadError: the file is no image, or is damaged.
    """
    try:
        with Image.open(path) as opened:
            image = opened if opened.mode == "RGB" else opened.convert("RGB")
            if shorter_side is not None and min(image.size) != shorter_side:
                image = image.resize(_scaled(image.size, shorter_side), Image.Resampling.BILINEAR)
            return np.asarray(image)
    # Damaged files raise all of these, depending on where they are damaged.
    except (OSError, SyntaxError, ValueError, EOFError, Image.DecompressionBombError) as error:
        msg = f"image {path} cannot be read: {error}; replace or remove it"
        raise WorkloadError(msg) from error


def read_size(path: Path | str) -> tuple[int, int]:
    """Height and width of an image, from its header.

    Raises:
        WorkloadError: the file is no image.
    """
    try:
        with Image.open(path) as opened:
            return opened.height, opened.width
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
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


def _scaled(size: tuple[int, int], shorter_side: int) -> tuple[int, int]:
    width, height = size
    factor = shorter_side / min(size)
    return max(round(width * factor), shorter_side), max(round(height * factor), shorter_side)

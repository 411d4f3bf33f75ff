"""Images with numbers, from a table."""

from collections.abc import Sequence
from pathlib import Path

from edgeprune.workloads.datasets.dataset import Dataset
from edgeprune.workloads.datasets.imagefolder import dataset_of
from edgeprune.workloads.image_table import read_targets


def targetcsv(
    *,
    root: Path | None = None,
    file: str,
    image_size: int | None = None,
    mean: Sequence[float] | None = None,
    std: Sequence[float] | None = None,
    moves: bool = False,
) -> Dataset:
    """A CSV file of paths and numbers, and perhaps of splits, for regression.

    Its columns are ``path``, perhaps ``split``, and numbers in all others; see `read_targets`.
    Images are read as those of `imagefolder` are.

    Args:
        root: what its paths are relative to; None: the folder that the file is in.
        file: path of the table.
        image_size: see `imagefolder`.
        mean: see `imagefolder`.
        std: see `imagefolder`.
        moves: whether training images are cropped and flipped at random, which is right only where
            the numbers do not tell where something is or to which side it turns.

    Returns:
        Targets are (N, numbers) float32; classes are the names of the columns.

    Raises:
        WorkloadError: the table or an image cannot be used.
    """
    tree, targets = read_targets(Path(file).expanduser(), root)
    return dataset_of(tree, image_size, mean, std, augment=moves, targets=targets)

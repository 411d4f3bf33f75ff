"""Images in folders named after their classes, or in an archive of such folders."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from edgeprune.errors import WorkloadError
from edgeprune.workloads.archive import ARCHIVE_SUFFIXES, is_archive, unpacked
from edgeprune.workloads.array_split import ArraySplit
from edgeprune.workloads.augmentation import Augmentation
from edgeprune.workloads.datasets.dataset import Dataset
from edgeprune.workloads.decoded_images import decoded_images
from edgeprune.workloads.decoding import Scaling, read_size
from edgeprune.workloads.file_split import FileSplit
from edgeprune.workloads.image_table import read_table
from edgeprune.workloads.image_tree import WHOLE, ImageTree, read_tree
from edgeprune.workloads.indexed_split import IndexedSplit
from edgeprune.workloads.normalisation import IMAGENET, choose_normalisation

#: Images up to this size are decoded once and kept; larger ones are decoded as needed.
SMALL_IMAGE = 96
#: Size of the batches where images are larger than that and no size is given.
LARGE_IMAGE_SIZE = 224


def imagefolder(
    *,
    root: Path | None = None,
    image_size: int | None = None,
    mean: Sequence[float] | None = None,
    std: Sequence[float] | None = None,
    augment: bool = True,
    scaling: Scaling | None = None,
) -> Dataset:
    """``train/<class>/<image>`` beside ``test/`` or ``val/``, or class folders alone.

    Where both are there, ``val/`` (or ``valid/``, ``validation/``) is the reward split. Of class
    folders alone a part of each class becomes the test split. Images of at most 96 pixels (or
    brought to at most 96 by `image_size`) are decoded once into the cache; larger ones when needed.

    Args:
        root: the folder, or a tar archive of it (with or without one folder around it).
        image_size: height and width of the batches. Where not given: the images' own size if
            they are small and equal, else 224 (the shorter side scaled to 256, cropped).
        mean: of pixels in 0..1; ImageNet's where not given, as most checkpoints expect.
        std: the same.
        augment: whether training images are cropped and flipped at random.
        scaling: of images above 96 pixels; 8/7 of the crop where not given.

    Returns:
        Names of the images are their paths relative to `root`: ``test/cat/0007.jpg``.

    Raises:
        WorkloadError: `root` is missing, has another layout, or holds images that cannot be read.
    """
    tree = read_tree(open_root(root))
    return dataset_of(tree, image_size, mean, std, augment=augment, scaling=scaling)


def imagecsv(
    *,
    root: Path | None = None,
    file: str,
    image_size: int | None = None,
    mean: Sequence[float] | None = None,
    std: Sequence[float] | None = None,
    augment: bool = True,
    scaling: Scaling | None = None,
) -> Dataset:
    """A CSV file of paths and labels, and perhaps of splits; see `read_table`.

    Args:
        root: what its paths are relative to; None: the folder that the file is in.
        file: path of the table.
        image_size: see `imagefolder`.
        mean: see `imagefolder`.
        std: see `imagefolder`.
        augment: see `imagefolder`.
        scaling: see `imagefolder`.

    Raises:
        WorkloadError: the table or an image cannot be used.
    """
    tree = read_table(Path(file).expanduser(), root)
    return dataset_of(tree, image_size, mean, std, augment=augment, scaling=scaling)


def dataset_of(
    tree: ImageTree,
    image_size: int | None,
    mean: Sequence[float] | None,
    std: Sequence[float] | None,
    *,
    augment: bool,
    targets: npt.NDArray[np.float32] | None = None,
    scaling: Scaling | None = None,
) -> Dataset:
    """The data set of images that have been listed; see `imagefolder`.

    Args:
        tree: the images.
        image_size: see `imagefolder`.
        mean: see `imagefolder`.
        std: see `imagefolder`.
        augment: see `imagefolder`.
        targets: (N, numbers) of the images of a regression; then labels mean nothing.
        scaling: how larger images are brought to their size.
    """
    normalisation = choose_normalisation(mean, std, IMAGENET)
    augmentation = Augmentation() if augment else None
    labels = tree.labels if targets is None else np.zeros(len(targets), np.int64)
    whole: IndexedSplit
    if (image_size or max(read_size(tree.root / tree.names[0]))) <= SMALL_IMAGE:
        whole = ArraySplit(
            "images",
            decoded_images(tree, image_size),
            labels,
            names=tree.names,
            targets=targets,
            normalisation=normalisation,
            augmentation=augmentation,
        )
    else:
        whole = FileSplit(
            "images",
            [tree.root / name for name in tree.names],
            labels,
            image_size=image_size or LARGE_IMAGE_SIZE,
            names=tree.names,
            targets=targets,
            normalisation=normalisation,
            augmentation=augmentation,
            scaling=scaling or Scaling(),
        )
    if WHOLE in tree.parts:
        return Dataset(tree.classes, whole, None, divided=False)
    held_out = [np.asarray(tree.parts[part]) for part in ("test", "val") if part in tree.parts]
    return Dataset(
        tree.classes,
        train=whole.select(np.asarray(tree.parts["train"]), "train"),
        test=whole.select(held_out[0], "test") if held_out else None,
        reward=whole.select(held_out[1], "reward") if len(held_out) == 2 else None,
    )


def open_root(root: Path | None) -> Path:
    """The folder of an image folder or of an archive of one, which is unpacked.

    Raises:
        WorkloadError: it is neither, or not there.
    """
    if root is None:
        msg = "workload.data.root is missing: imagefolder needs a folder or a tar archive"
        raise WorkloadError(msg)
    if root.is_dir():
        return root
    if not root.exists():
        msg = f"workload.data.root {root} does not exist; allowed: a folder or a tar archive"
        raise WorkloadError(msg)
    if not is_archive(root):
        msg = (
            f"workload.data.root {root} is neither a folder nor an archive; "
            f"allowed endings: {', '.join(ARCHIVE_SUFFIXES)}"
        )
        raise WorkloadError(msg)
    folder = unpacked(root)
    inside = [path for path in folder.iterdir() if path.is_dir() and path.name != "__MACOSX"]
    return inside[0] if len(inside) == 1 and inside[0].name != "train" else folder

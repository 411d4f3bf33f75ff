"""Images with boxes, from annotation files of COCO's form."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from edgeprune.errors import WorkloadError
from edgeprune.workloads.augmentation import Augmentation
from edgeprune.workloads.coco_file import CocoFile, read_coco
from edgeprune.workloads.datasets.dataset import Dataset
from edgeprune.workloads.datasets.imagefolder import open_root
from edgeprune.workloads.datasets.parts import scenes_by_part
from edgeprune.workloads.fitting import usual_size
from edgeprune.workloads.image_tree import PARTS, WHOLE
from edgeprune.workloads.normalisation import IMAGENET, choose_normalisation
from edgeprune.workloads.scene_split import SceneSplit

#: The name of each folder's annotations, as Roboflow writes it.
FILE = "_annotations.coco.json"


def coco(
    *,
    root: Path | None = None,
    train: str | None = None,
    test: str | None = None,
    val: str | None = None,
    train_images: str | None = None,
    test_images: str | None = None,
    val_images: str | None = None,
    image_size: int | None = None,
    mean: Sequence[float] | None = None,
    std: Sequence[float] | None = None,
    augment: bool = True,
    flip: bool = True,
) -> Dataset:
    """``train/_annotations.coco.json`` among its images, likewise in ``test/`` and ``valid/``.

    This is the layout of Roboflow's exports. Of another one, such as COCO's own, `train` and the
    others name the files and folders. With both ``test`` and ``val``, the latter is the reward
    split; a training file alone is cut. Images are scaled to fit into a square, centred, on black:
    nothing is stretched. Boxes follow, also crops (those of which less than a quarter is left are
    left out) and flips.

    Args:
        root: the folder, or a tar archive of it.
        train: annotation file, relative to `root`.
        test: likewise.
        val: likewise.
        train_images: folder of the images, relative to `root`; that of the file where not given.
        test_images: likewise.
        val_images: likewise.
        image_size: height and width of the batches; that of the first image, at most 320, where
            not given.
        mean: of pixels in 0..1; ImageNet's where not given.
        std: the same.
        augment: whether training images are cropped and flipped at random, with their boxes.
        flip: whether mirrored ones are among them.

    Returns:
        Targets are a dict for each image: ``boxes``, (M, 4) float32 of left, top, right and bottom
        in pixels of the batch, and ``labels``, (M,) int64. Classes are the training file's
        categories in the order of their ids.

    Raises:
        WorkloadError: `root` or a file is missing, a file cannot be used (see `read_coco`), or a
            part has a category that the training file has not.
    """
    folder = open_root(root)
    given = {"train": train, "test": test, "val": val}
    places = {"train": train_images, "test": test_images, "val": val_images}
    files = _files(folder, given, places)
    parts = {part: read_coco(file) for part, (file, _) in files.items()}
    first = next(iter(parts.values()))
    names = _used(first)
    labels = {number: label for label, number in enumerate(names)}
    scenes = {
        part: one.scenes(files[part][1], folder, _same(one, first, labels))
        for part, one in parts.items()
    }
    everything = [scene for found in scenes.values() for scene in found]
    size = usual_size(everything[0].height, everything[0].width)
    whole = SceneSplit(
        "images",
        everything,
        image_size=image_size or size,
        normalisation=choose_normalisation(mean, std, IMAGENET),
        augmentation=Augmentation(flip) if augment else None,
    )
    counts = {part: len(found) for part, found in scenes.items()}
    if list(counts) == ["train"]:
        counts = {WHOLE: counts["train"]}
    return scenes_by_part(tuple(names.values()), whole, counts)


def _files(
    root: Path, given: dict[str, str | None], places: dict[str, str | None]
) -> dict[str, tuple[Path, Path]]:
    """Annotation file and folder of images of each part that is there."""
    found: dict[str, tuple[Path, Path]] = {}
    for part, folders in PARTS.items():
        told = given[part]
        usual = [root / name / FILE for name in folders]
        file = root / told if told else next((one for one in usual if one.is_file()), usual[0])
        if told and not file.is_file():
            msg = f"workload.data.args.{part}: there is no file {file}"
            raise WorkloadError(msg)
        if file.is_file():
            place = places[part]
            found[part] = (file, root / place if place else file.parent)
    if "train" not in found:
        msg = (
            f"{root} has no train/{FILE}; allowed: that, or `args: {{train: "
            "annotations/train.json, train_images: images}` with paths relative to root"
        )
        raise WorkloadError(msg)
    return found


def _used(first: CocoFile) -> dict[int, str]:
    """The classes: its categories, but for one that only stands above the others (Roboflow's)."""
    seen = {row[0] for rows in first.boxes.values() for row in rows}
    if not seen:
        msg = f"{first.file} has no box to learn from: none has an area, or all are of crowds"
        raise WorkloadError(msg)
    above = first.above - seen
    return {number: name for number, name in first.categories.items() if number not in above}


def _same(one: CocoFile, first: CocoFile, labels: dict[int, int]) -> dict[int, int]:
    """The label of each category of a file, whose ids may be others than the first one's."""
    by_name: dict[str, Any] = {first.categories[number]: label for number, label in labels.items()}
    for number, name in one.categories.items():
        if name not in by_name and any(
            row[0] == number for rows in one.boxes.values() for row in rows
        ):
            msg = (
                f"{one.file} has boxes of the category {number} ({name!r}), which {first.file} "
                f"has not; its categories: {', '.join(by_name)}"
            )
            raise WorkloadError(msg)
    return {number: by_name[name] for number, name in one.categories.items() if name in by_name}

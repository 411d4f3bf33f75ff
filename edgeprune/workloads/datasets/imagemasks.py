"""Images beside masks of their pixels' classes."""

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from edgeprune.errors import WorkloadError
from edgeprune.workloads.augmentation import Augmentation
from edgeprune.workloads.datasets.dataset import Dataset
from edgeprune.workloads.datasets.imagefolder import open_root
from edgeprune.workloads.datasets.parts import scenes_by_part
from edgeprune.workloads.decoding import IMAGE_SUFFIXES, read_size
from edgeprune.workloads.fitting import usual_size
from edgeprune.workloads.image_tree import PARTS, WHOLE
from edgeprune.workloads.masks import IGNORED, MaskedScene
from edgeprune.workloads.normalisation import IMAGENET, choose_normalisation
from edgeprune.workloads.scene_split import SceneSplit

_IMAGES, _MASKS = "images", "masks"
_NAMES_FILE = "classes.txt"


def imagemasks(
    *,
    root: Path | None = None,
    classes: Sequence[str] | None = None,
    image_size: int | None = None,
    mean: Sequence[float] | None = None,
    std: Sequence[float] | None = None,
    augment: bool = True,
    flip: bool = True,
) -> Dataset:
    """``train/images/x.jpg`` with ``train/masks/x.png``, likewise in ``test/`` and ``val/``.

    Where both are there, ``val/`` (or ``valid/``, ``validation/``) is the reward split. Of
    ``images/`` and ``masks/`` alone a part becomes the test split. Masks are palette or greyscale
    PNG files whose pixels are class numbers; 255 counts for nothing. Images are scaled to fit into
    a square, centred, with black around that counts for nothing; their masks follow.

    Args:
        root: the folder, or a tar archive of it (with or without one folder around it).
        classes: their names, in the order of their numbers; those of ``classes.txt``, one a line,
            where not given; numbers where there is no such file.
        image_size: height and width of the batches; that of the images, at most 320, where not
            given.
        mean: of pixels in 0..1; ImageNet's where not given.
        std: the same.
        augment: whether training images are cropped and flipped at random, with their masks.
        flip: whether mirrored ones are among them.

    Returns:
        Names of the images are their paths relative to `root`: ``test/images/0007.jpg``.

    Raises:
        WorkloadError: `root` is missing or has another layout; a mask is missing, of another size
            than its image or has a number beyond the classes.
    """
    folder = open_root(root)
    parts = _parts(folder)
    scenes = {part: _scenes(folder, place) for part, place in parts.items()}
    everything = [scene for found in scenes.values() for scene in found]
    names = _named_classes(folder, classes, everything)
    whole = SceneSplit(
        "images",
        everything,
        image_size=image_size or usual_size(*read_size(everything[0].image)),
        normalisation=choose_normalisation(mean, std, IMAGENET),
        augmentation=Augmentation(flip) if augment else None,
    )
    return scenes_by_part(names, whole, {part: len(found) for part, found in scenes.items()})


def _parts(root: Path) -> dict[str, Path]:
    """The folder of each part that is there."""
    if (root / "train").is_dir():
        found = {
            part: root / name
            for part, known in PARTS.items()
            for name in [name for name in known if (root / name).is_dir()][:1]
        }
    else:
        found = {WHOLE: root}
    for place in found.values():
        for kind in (_IMAGES, _MASKS):
            if not (place / kind).is_dir():
                msg = (
                    f"{place} has no folder {kind}/; allowed: train/images/<image> with "
                    "train/masks/<image>.png, likewise in test/ or val/, or images/ and masks/ "
                    "alone"
                )
                raise WorkloadError(msg)
    return found


def _scenes(root: Path, place: Path) -> list[MaskedScene]:
    images = sorted(
        path
        for path in (place / _IMAGES).rglob("*")
        if path.suffix.lower() in IMAGE_SUFFIXES and not path.name.startswith(".")
    )
    if not images:
        msg = f"{place / _IMAGES} has no image; allowed endings: {', '.join(IMAGE_SUFFIXES)}"
        raise WorkloadError(msg)
    scenes, missing = [], []
    for image in images:
        mask = place / _MASKS / image.relative_to(place / _IMAGES).with_suffix(".png")
        if not mask.is_file():
            missing.append(image)
        scenes.append(MaskedScene(image.relative_to(root).as_posix(), image, mask))
    if missing:
        mask = place / _MASKS / missing[0].relative_to(place / _IMAGES).with_suffix(".png")
        msg = (
            f"{len(missing)} of {len(images)} images of {place} have no mask: the first is "
            f"{missing[0]}, whose mask would be {mask}"
        )
        raise WorkloadError(msg)
    return scenes


def _named_classes(
    root: Path, classes: Sequence[str] | None, scenes: Sequence[MaskedScene]
) -> tuple[str, ...]:
    """The classes, after a look at every mask: a wrong one would show hours later."""
    source = "workload.data.args.classes"
    names = tuple(map(str, classes)) if classes is not None else ()
    if classes is None and (root / _NAMES_FILE).is_file():
        source = str(root / _NAMES_FILE)
        lines = (root / _NAMES_FILE).read_text(encoding="utf-8").splitlines()
        names = tuple(line.strip() for line in lines if line.strip())
    if len(set(names)) != len(names) or len(names) > IGNORED:
        msg = f"{source} has {len(names)} names; allowed: at most {IGNORED}, each once"
        raise WorkloadError(msg)
    with ThreadPoolExecutor(min(8, os.cpu_count() or 1), "decode") as pool:
        found = list(pool.map(MaskedScene.numbers, scenes))
    most = max((max(numbers, default=0) for numbers in found), default=0)
    if most == 0:
        msg = (
            f"the {len(scenes)} masks of {root} hold no class but 0; allowed: class numbers 0, 1 "
            f"and so on; {IGNORED} counts for nothing, so an object marked by it is not one"
        )
        raise WorkloadError(msg)
    if not names:
        return tuple(map(str, range(most + 1)))
    for scene, numbers in zip(scenes, found, strict=True):
        if numbers and numbers[-1] >= len(names):
            msg = (
                f"mask {scene.mask} has the class {numbers[-1]}; allowed: 0 to {len(names) - 1} "
                f"({len(names)} classes, of {source}), and {IGNORED} for pixels that count for "
                "nothing"
            )
            raise WorkloadError(msg)
    return names

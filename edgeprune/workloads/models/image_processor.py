"""How a model of transformers wants its images: its ``preprocessor_config.json``."""

from pathlib import Path
from typing import Any

from PIL import Image
from pydantic import BaseModel, ConfigDict, ValidationError

from edgeprune.errors import WorkloadError
from edgeprune.workloads.decoding import Scaling
from edgeprune.workloads.normalisation import Normalisation
from edgeprune.workloads.recipe import Recipe

_Size = dict[str, int] | int | None
#: Below this, ``crop_pct`` says how much of an image is left by the crop (ConvNeXt).
_CROPPED_BELOW = 384


class _Settings(BaseModel):
    """Those that change pixels; a processor of another kind may have more."""

    model_config = ConfigDict(extra="ignore")

    size: _Size = None
    do_center_crop: bool = False
    crop_size: _Size = None
    crop_pct: float | None = None
    resample: int | None = None
    do_rescale: bool = True
    rescale_factor: float = 1 / 255
    rescale_offset: bool = False
    do_normalize: bool = True
    image_mean: list[float] | float | None = None
    image_std: list[float] | float | None = None
    include_top: bool = False


def read_recipe(path: Path, classes: tuple[str, ...]) -> Recipe:
    """Read a file of settings; where there is none, nothing but the classes is known.

    What a processor squeezes into a square is cropped to one instead.

    Args:
        path: of the file.
        classes: names of the outputs.

    Raises:
        WorkloadError: the file has another form.
    """
    if not path.is_file():
        return Recipe(classes=classes)
    try:
        said = _Settings.model_validate_json(path.read_bytes())
        size, share = _size(said)
        normalisation = _normalisation(said)
    except (ValidationError, ValueError, ZeroDivisionError) as error:
        msg = f"workload.model.name: {path} is no settings of an image processor: {error}"
        raise WorkloadError(msg) from error
    scaling = None if share is None else Scaling(share, _interpolation(said.resample))
    return Recipe(size, normalisation, scaling, classes)


def _size(said: _Settings) -> tuple[int | None, float | None]:
    """Side of the square, and which share of the scaled image it is."""
    scaled, cropped = _side(said.size), _side(said.crop_size)
    if scaled is None:
        return cropped, None if cropped is None else 1.0
    if said.do_center_crop and cropped is not None:
        return cropped, min(1.0, cropped / scaled)
    if said.crop_pct is not None and scaled < _CROPPED_BELOW:
        return scaled, scaled / int(scaled / said.crop_pct)
    return scaled, 1.0


def _side(size: _Size) -> int | None:
    if isinstance(size, dict):
        sides = [size[key] for key in ("shortest_edge", "height", "width") if size.get(key)]
        size = min(sides, default=None)
    return size if size is None or size >= 1 else None


def _normalisation(said: _Settings) -> Normalisation | None:
    """All that is done to pixels, written as ours: ``(pixel / 255 - mean) / std``."""
    means, deviations = _channels(said.image_mean), _channels(said.image_std)
    if not said.do_normalize:
        means, deviations = [0.0] * 3, [1.0] * 3
    if not means or len(means) != len(deviations):
        return None
    if said.include_top:  # EfficientNet's divides twice
        deviations = [one * one for one in deviations]
    factor = 255 * (said.rescale_factor if said.do_rescale else 1.0)
    offset = 1.0 if said.rescale_offset else 0.0
    pairs: Any = zip(means, deviations, strict=True)
    found = [((mean + offset) / factor, std / factor) for mean, std in pairs]
    if min(std for _, std in found) <= 0:
        msg = f"image_std is {said.image_std}; allowed: above 0"
        raise ValueError(msg)
    return Normalisation(tuple(mean for mean, _ in found), tuple(std for _, std in found))


def _channels(values: list[float] | float | None) -> list[float]:
    if values is None:
        return []
    return values if isinstance(values, list) else [values] * 3


def _interpolation(number: int | None) -> str:
    return "bilinear" if number is None else Image.Resampling(number).name.lower()

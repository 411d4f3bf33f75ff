"""How images were prepared for published weights: size, scaling, normalisation, classes."""

from dataclasses import dataclass

from edgeprune.workloads.decoding import Scaling
from edgeprune.workloads.normalisation import Normalisation


@dataclass(frozen=True)
class Recipe:
    """What a library says of a model's weights; None where it says nothing.

    Attributes:
        image_size: height and width.
        normalisation: mean and standard deviation.
        scaling: how an image is brought to that size.
        classes: names of the outputs.
    """

    image_size: int | None = None
    normalisation: Normalisation | None = None
    scaling: Scaling | None = None
    classes: tuple[str, ...] = ()

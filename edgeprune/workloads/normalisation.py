"""Mean and standard deviation that images are normalised with."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from edgeprune.errors import WorkloadError


@dataclass(frozen=True)
class Normalisation:
    """``(pixel / 255 - mean) / std``, channel by channel.

    Attributes:
        mean: per channel, of pixels scaled to 0..1.
        std: per channel, of pixels scaled to 0..1.
    """

    mean: tuple[float, ...]
    std: tuple[float, ...]

    def __call__(self, images: torch.Tensor) -> torch.Tensor:
        """Normalise a batch.

        Args:
            images: (N, C, H, W), pixels 0..255 of any dtype.

        Returns:
            (N, C, H, W) float32.
        """
        # One multiplication and one addition: (x / 255 - mean) / std written as x * a + b.
        scale = torch.tensor([1 / (255 * std) for std in self.std]).view(1, -1, 1, 1)
        pairs = zip(self.mean, self.std, strict=True)
        offset = torch.tensor([-mean / std for mean, std in pairs]).view(1, -1, 1, 1)
        return images.float().mul_(scale).add_(offset)


#: Of torchvision's ImageNet models, and of most published checkpoints.
IMAGENET = Normalisation((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))


def choose_normalisation(
    mean: Sequence[float] | None, std: Sequence[float] | None, default: Normalisation
) -> Normalisation:
    """The user's mean and standard deviation, or a dataset's default.

    Args:
        mean: one value for all channels, one per channel, or None.
        std: the same.
        default: used where neither is given; its length is the number of channels.

    Raises:
        WorkloadError: only one of them is given, the number of values does not fit, or a
            standard deviation is not positive.
    """
    if mean is None and std is None:
        return default
    if mean is None or std is None:
        given, missing = ("mean", "std") if std is None else ("std", "mean")
        msg = f"workload.data.{given} is set without workload.data.{missing}: set both or neither"
        raise WorkloadError(msg)
    channels = len(default.mean)
    for name, values in (("mean", mean), ("std", std)):
        if len(values) not in (1, channels):
            msg = (
                f"workload.data.{name} has {len(values)} values {list(values)}; "
                f"allowed: 1 or {channels}, one per channel"
            )
            raise WorkloadError(msg)
    if min(std) <= 0:
        msg = f"workload.data.std is {list(std)}; allowed: values above 0 (of pixels in 0..1)"
        raise WorkloadError(msg)
    return Normalisation(_per_channel(mean, channels), _per_channel(std, channels))


def _per_channel(values: Sequence[float], channels: int) -> tuple[float, ...]:
    numbers = tuple(float(value) for value in values)
    return numbers if len(numbers) == channels else numbers * channels

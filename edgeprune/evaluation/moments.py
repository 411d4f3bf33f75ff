"""Mean and covariance of layer inputs, gathered once on the original model."""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import torch
from torch import nn

from edgeprune.evaluation.consumers import Consumer
from edgeprune.evaluation.patches import Mixer, mixer, sample_patches
from edgeprune.tensors import Inputs, call

#: Patches per image and layer at least; AMC's own number (docs/algorithms.md#amc).
MIN_POINTS = 10
#: Patches per column of a layer at least, where the images have as many positions: with fewer
#: the fit follows the sample instead of the layer.
ROWS_PER_COLUMN = 5


@dataclass
class Moments:
    """Moments of the patches that a layer sees.

    Attributes:
        covariance: (columns, columns) float32.
        mean: (columns,) float32.
    """

    covariance: torch.Tensor
    mean: torch.Tensor


def gather_moments(
    model: nn.Module,
    consumers: Sequence[Consumer],
    batches: Iterable[Inputs],
    *,
    images: int,
    seed: int,
) -> dict[str, Moments]:
    """Run the original model and gather the moments of some of its layers' inputs.

    A layer's result depends on the model, the images and the seed alone, not on which other
    layers are gathered in the same pass: a resumed run gets the same numbers.

    Args:
        model: the original model, in eval mode.
        consumers: one layer per source.
        batches: what the model is given, the same on every call.
        images: how many images `batches` has.
        seed: of the sampled positions.

    Returns:
        Moments by source.
    """
    sums = {}
    hooks = []
    for consumer in consumers:
        points = points_of(consumer.columns, images)
        generator = position_generator(seed, consumer.source)
        sums[consumer.source] = _Sums(consumer.columns, points, generator)
        layer = mixer(model, consumer.name)
        hooks.append(layer.register_forward_pre_hook(sums[consumer.source].add))
    try:
        with torch.inference_mode():
            for batch in batches:
                call(model, batch)
    finally:
        for hook in hooks:
            hook.remove()
    return {source: one.moments() for source, one in sums.items()}


class _Sums:
    """Sums over patches, taken about the first batch's mean.

    About zero, float32 would lose the covariance of inputs whose mean is large beside it.
    """

    def __init__(self, columns: int, points: int, generator: torch.Generator) -> None:
        self._points, self._generator = points, generator
        self._products = torch.zeros(columns, columns)
        self._total = torch.zeros(columns)
        self._rows = 0
        self._origin = torch.empty(0)

    def add(self, layer: Mixer, inputs: tuple[torch.Tensor, ...]) -> None:
        patches = sample_patches(layer, inputs[0], self._points, self._generator).float()
        if not self._rows:
            self._origin = patches.mean(0)
        patches = patches - self._origin
        self._products.addmm_(patches.T, patches)
        self._total.add_(patches.sum(0))
        self._rows += len(patches)

    def moments(self) -> Moments:
        offset = self._total / self._rows
        covariance = self._products.div_(self._rows).addr_(offset, offset, alpha=-1)
        return Moments(covariance, self._origin + offset)


def points_of(columns: int, images: int) -> int:
    """Patches of each image that a layer is fitted to.

    Args:
        columns: length of a patch.
        images: how many there are.
    """
    return max(MIN_POINTS, -(-ROWS_PER_COLUMN * columns // images))


def position_generator(seed: int, name: str) -> torch.Generator:
    """Draws the positions of a layer's patches, whatever else is drawn.

    Args:
        seed: of the run.
        name: of the layer.
    """
    digest = hashlib.sha256(f"{seed}:{name}".encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest[:7]))

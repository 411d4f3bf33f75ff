"""First and second moments of layer inputs, gathered once on the original model."""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import torch
from torch import nn

from edgeprune.evaluation.consumers import Consumer
from edgeprune.evaluation.patches import Mixer, mixer, sample_patches

#: Patches per image and layer at least; AMC's own number (algorithms page, 1(b)).
MIN_POINTS = 10
#: Patches per column of a layer at least, where the images have as many positions: with fewer
#: rows than this the fit follows the sample instead of the layer.
ROWS_PER_COLUMN = 5


@dataclass
class Moments:
    """Moments of the patches that a layer sees.

    Attributes:
        gram: (columns, columns) float32, the mean of ``x xᵀ``.
        mean: (columns,) float32, the mean of ``x``.
        rows: how many patches went in.
    """

    gram: torch.Tensor
    mean: torch.Tensor
    rows: int = 0


def gather_moments(
    model: nn.Module,
    consumers: Sequence[Consumer],
    batches: Iterable[torch.Tensor],
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
        batches: (N, C, H, W) float32 images, the same ones on every call.
        images: how many images `batches` has.
        seed: of the sampled positions.

    Returns:
        Moments by source.
    """
    moments: dict[str, Moments] = {}
    hooks = []
    for consumer in consumers:
        layer, size = mixer(model, consumer.name), consumer.columns
        moments[consumer.source] = Moments(torch.zeros(size, size), torch.zeros(size))
        points = max(MIN_POINTS, -(-ROWS_PER_COLUMN * size // images))
        hook = _Accumulate(moments[consumer.source], points, _generator(seed, consumer.source))
        hooks.append(layer.register_forward_pre_hook(hook))
    try:
        with torch.inference_mode():
            for batch in batches:
                model(batch)
    finally:
        for handle in hooks:
            handle.remove()
    for gathered in moments.values():
        gathered.gram /= gathered.rows
        gathered.mean /= gathered.rows
    return moments


class _Accumulate:
    def __init__(self, moments: Moments, points: int, generator: torch.Generator) -> None:
        self._moments, self._points, self._generator = moments, points, generator

    def __call__(self, layer: Mixer, inputs: tuple[torch.Tensor, ...]) -> None:
        patches = sample_patches(layer, inputs[0], self._points, self._generator).float()
        self._moments.gram.addmm_(patches.T, patches)
        self._moments.mean.add_(patches.sum(0))
        self._moments.rows += len(patches)


def _generator(seed: int, name: str) -> torch.Generator:
    digest = hashlib.sha256(f"{seed}:{name}".encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest[:7]))

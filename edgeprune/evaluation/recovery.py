"""Recovery: repairing a pruned model as far as that goes without training.

Without it the accuracy of a candidate says nothing about what fine-tuning makes of it
(algorithms page, 1(d) and 7.4).
"""

from typing import TYPE_CHECKING

import torch
from torch import nn

from edgeprune.config import RecoverConfig
from edgeprune.evaluation.batch_norm import recalibrate
from edgeprune.evaluation.least_squares import Reconstruction

if TYPE_CHECKING:
    from edgeprune.pruning import Plan
    from edgeprune.workloads import Split

_BATCH = 64


class Recovery:
    """Applies plans to one model and repairs what comes out.

    Args:
        model: the unpruned model, in eval mode; must not change afterwards.
        split: training images; a fixed part of them is looked at.
        config: which repairs, on how many images.
        seed: fixes that part.
    """

    def __init__(
        self, model: nn.Module, split: "Split", config: RecoverConfig, *, seed: int = 0
    ) -> None:
        self._model = model
        self._reconstruction = (
            Reconstruction(
                model, split, images=config.images, seed=seed, recalibrated=config.recalibrate_bn
            )
            if config.reconstruction == "least_squares"
            else None
        )
        self._batches: list[torch.Tensor] = []
        if config.recalibrate_bn:
            generator = torch.Generator().manual_seed(seed)
            chosen = split.subset(min(config.images, len(split)), seed)
            self._batches = [
                images
                for images, _ in chosen.batches(_BATCH, generator=generator)
                if len(images) == min(_BATCH, len(chosen))
            ]

    def recover(self, plan: "Plan") -> nn.Module:
        """Prune by a plan, reconstruct, re-estimate batch normalisation.

        Args:
            plan: made for this model.

        Returns:
            A new, smaller model in eval mode.
        """
        torch.set_flush_denormal(True)
        pruned = plan.apply(self._model).eval()
        if self._reconstruction is not None:
            self._reconstruction.apply(pruned, plan)
        if self._batches:
            recalibrate(pruned, self._batches)
        return pruned

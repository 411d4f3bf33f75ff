"""Least-squares reconstruction: what is left of a layer's input makes up for what was cut.

AMC (He et al., ECCV 2018, section 3.3, after He et al. 2017) refits the weights of a layer whose
input channels were cut so that its output stays as it was in the original model. BOCR extends it
from 1x1 to k x k convolutions with sampled patches. Regressing thousands of patches per candidate
is slow; here the patches' moments are gathered once and every candidate only costs a small solve.
"""

import logging
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

import torch
from torch import nn

from edgeprune.evaluation.consumers import Consumer, find_consumers
from edgeprune.evaluation.execution import Execution
from edgeprune.evaluation.moments import Moments, gather_moments
from edgeprune.evaluation.patches import Mixer, mixer

if TYPE_CHECKING:
    from edgeprune.pruning import Plan
    from edgeprune.workloads import Split

_log = logging.getLogger(__name__)

#: Ridge, relative to the mean of the system's diagonal. It pulls towards the original weights,
#: so it costs nothing: ResNet-20 scores the same from 1e-6 to 1e-3, and 0.2 points less at 1e-2
#: (docs/algorithms.md#least-squares). The larger it is, the less a layer with too few patches can
#: go astray.
RIDGE = 1e-3
#: Layers with longer patches are left alone: 4,608 is a 3x3 convolution over 512 channels, whose
#: covariance takes 85 MB.
MAX_COLUMNS = 4608
#: Memory for the covariances of one model; the layers with the longest patches go without first.
MAX_BYTES = 2**30


class Reconstruction:
    """Refits the consumers of cut channels to the original model's outputs.

    Attributes:
        consumers: the original model's layers that can be refitted, by module name.
        skipped: layers left alone although they could be refitted, with the reason.
    """

    def __init__(
        self,
        model: nn.Module,
        split: "Split",
        *,
        images: int = 512,
        seed: int = 0,
        recalibrated: bool = True,
        execution: Execution | None = None,
    ) -> None:
        """Look at the model; nothing is gathered before the first plan.

        Args:
            model: the original model, in eval mode; must not change afterwards.
            split: where the images come from: training images, never the reward split's.
            images: how many images the moments are gathered from.
            seed: of the choice of images and sampled positions.
            recalibrated: whether batch normalisation is re-estimated afterwards. It takes the
                mean of a layer's output away, so layers in front of one are then fitted to the
                centred output, as layers with a bias always are.
            execution: layout of the images; the moments are always gathered in float32.
        """
        self._model, self._seed, self._recalibrated = model, seed, recalibrated
        self._execution = execution or Execution()
        self._split = split.subset(min(images, len(split)), seed)
        example, _ = next(iter(self._split.batches(1)))
        found = find_consumers(model, example)
        self.skipped = too_large(found)
        self.consumers = {name: found[name] for name in found if name not in self.skipped}
        self._moments: dict[str, Moments] = {}
        if self.skipped:
            _log.warning(
                "no least-squares reconstruction for %s: %s",
                ", ".join(self.skipped),
                "; ".join(sorted(set(self.skipped.values()))),
            )

    def apply(self, pruned: nn.Module, plan: "Plan") -> None:
        """Refit, in place, every consumer whose input channels the plan cuts.

        Args:
            pruned: what ``plan.apply`` made of the original model.
            plan: the plan that was applied.
        """
        cut = {
            name: axes[1]
            for name in self.consumers
            if 1 in (axes := plan.slices.get(f"{name}.weight", {}))
        }
        self._gather(cut)
        for name, inputs in cut.items():
            kept = plan.slices[f"{name}.weight"].get(0)
            self._refit(name, mixer(pruned, name), inputs, kept)

    def gram(self, name: str) -> torch.Tensor:
        """Second moments of a consumer's patches, about what its fit leaves to others.

        Args:
            name: one of `consumers`. The first call gathers what is missing of all of them.

        Returns:
            (columns, columns) float32: the covariance where a bias or a batch normalisation takes
            up a constant difference, else the moments about zero.
        """
        self._gather(self.consumers)
        moments = self._moments[self.consumers[name].source]
        if self._centred(name):
            return moments.covariance
        return torch.addr(moments.covariance, moments.mean, moments.mean)

    def _centred(self, name: str) -> bool:
        """Whether constant differences in a layer's output cost nothing."""
        bias = mixer(self._model, name).bias
        return bias is not None or (self._recalibrated and self.consumers[name].normalised)

    def _gather(self, names: Iterable[str]) -> None:
        sources = {self.consumers[name].source for name in names} - self._moments.keys()
        if sources:
            batches = (self._execution.place(images) for images, _ in self._split.batches(64))
            self._moments |= gather_moments(
                self._model,
                [self.consumers[source] for source in self.consumers if source in sources],
                batches,
                images=len(self._split),
                seed=self._seed,
            )

    def _refit(
        self, name: str, layer: Mixer, inputs: tuple[int, ...], outputs: tuple[int, ...] | None
    ) -> None:
        consumer, original = self.consumers[name], mixer(self._model, name)
        weight, bias = original.weight.detach(), original.bias
        columns = torch.arange(consumer.columns).view(weight.shape[1], -1)
        if outputs is not None:
            weight = weight[list(outputs)]
        moments = self._moments[consumer.source]
        centred = self._centred(name)
        mask = torch.zeros(weight.shape[1], dtype=torch.bool)
        mask[list(inputs)] = True
        kept, lost = columns[mask].flatten(), columns[~mask].flatten()
        flat = weight.flatten(1)
        change = compensation(moments, kept, lost, flat[:, lost], centred=centred)
        with torch.no_grad():
            layer.weight.add_(change.view_as(layer.weight))
            if bias is not None and layer.bias is not None:
                shift = flat[:, lost] @ moments.mean[lost] - change @ moments.mean[kept]
                layer.bias.add_(shift)


def compensation(
    moments: Moments,
    kept: torch.Tensor,
    lost: torch.Tensor,
    lost_weight: torch.Tensor,
    *,
    centred: bool,
) -> torch.Tensor:
    """What to add to the kept weights so that they best replace the lost ones.

    Minimises ``E|W_lost x_lost - D x_kept|² + ridge |D|²`` over D, which is the least-squares fit
    of the whole layer with the ridge pulling towards the original weights instead of zero.

    Args:
        moments: of the layer's patches.
        kept: (k,) int64 column indices.
        lost: (l,) int64 column indices, the others.
        lost_weight: (outputs, l) float32 original weights.
        centred: leave constant differences to a bias or a batch normalisation.

    Returns:
        (outputs, k) float32; all zeros if every kept input is constant.
    """
    rows = moments.covariance[kept]
    system, target = rows[:, kept], rows[:, lost] @ lost_weight.T
    if not centred:
        mean = moments.mean
        system = torch.addr(system, mean[kept], mean[kept])
        target = torch.addr(target, mean[kept], lost_weight @ mean[lost])
    system = system.double()
    system.diagonal().add_(RIDGE * system.diagonal().mean())
    factor, failed = torch.linalg.cholesky_ex(system)
    if failed:
        return torch.zeros_like(target.T)
    return torch.cholesky_solve(target.double(), factor).T.float()


def too_large(consumers: Mapping[str, Consumer]) -> dict[str, str]:
    """Layers that would need too much memory, with the reason.

    Args:
        consumers: by name.
    """
    sizes = {c.source: c.columns for c in consumers.values()}
    dropped: dict[str, str] = {}
    total = 0
    for source, columns in sorted(sizes.items(), key=lambda item: item[1]):
        total += 4 * columns * columns
        if columns > MAX_COLUMNS:
            dropped[source] = f"more than {MAX_COLUMNS} inputs per output"
        elif total > MAX_BYTES:
            dropped[source] = f"the model's covariances would take over {MAX_BYTES >> 20} MiB"
    return {c.name: dropped[c.source] for c in consumers.values() if c.source in dropped}

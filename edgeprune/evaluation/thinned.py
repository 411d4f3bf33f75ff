"""Least squares for thinned layers: the single weights that are left make up for those that went.

Where whole channels go, a layer is refitted to the original network's own inputs
(`edgeprune.evaluation.least_squares`). At a twentieth of the weights every layer's input is far
from the original one, so here a layer is refitted to the inputs that the thinned network gives it,
layer after layer, towards the original network's outputs: He et al. 2017 (arXiv 1707.06168,
section 3.2) do so for channels. For channels, fine-tuning makes up for what it gains
(docs/algorithms.md#single-weights-refitted).
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from itertools import accumulate
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from edgeprune.evaluation.batch_norm import recalibrate, running_norms
from edgeprune.evaluation.consumers import Consumer, find_consumers
from edgeprune.evaluation.least_squares import too_large
from edgeprune.evaluation.moments import points_of, position_generator
from edgeprune.evaluation.patches import Mixer, mixer, sample_patches
from edgeprune.tensors import Inputs, call

if TYPE_CHECKING:
    from edgeprune.pruning import WeightPlan
    from edgeprune.workloads import Split

#: Ridge, relative to the mean of the system's diagonal; it pulls towards the original weights.
RIDGE = 3e-2
#: Elements of the largest output inside the network, for all images together: 256 MB.
_MAX_ELEMENTS = 2**26
#: Multiplications in the solves of one plan, some seconds; the layers that take most go without
#: first. ResNet-20 takes a fiftieth of it at half of its weights, where little is to be gained.
_MAX_OPERATIONS = 3e10


class ThinnedReconstruction:
    """Refits every layer that a plan thins, from its inputs in the thinned network.

    Grouped convolutions and what `find_consumers` leaves out besides stay as the plan left them.
    """

    def __init__(
        self,
        model: nn.Module,
        split: "Split",
        *,
        images: int = 512,
        seed: int = 0,
        recalibrated: bool = True,
    ) -> None:
        """Nothing is run before the first plan.

        Args:
            model: the original model, in eval mode; must not change afterwards.
            split: where the images come from: training images, never the reward split's.
            images: how many at most; fewer where a network's tensors are large.
            seed: of the choice of images and sampled positions.
            recalibrated: whether batch normalisation is re-estimated afterwards: layers in front
                of one are then fitted to the centred output.
        """
        self._model, self._split, self._seed = model, split, seed
        self._most_images, self._recalibrated = images, recalibrated
        self._consumers: dict[str, Consumer] = {}
        self._images: Inputs | None = None
        self._wanted: dict[str, torch.Tensor] = {}

    def apply(self, thinned: nn.Module, plan: "WeightPlan") -> None:
        """Refit, in place, the layers of a thinned model.

        Args:
            thinned: what ``plan.apply`` made of the original model.
            plan: the plan that was applied.
        """
        if self._images is None:
            self._images = self._gather()
        layers = {mixer(thinned, name): name for name in self._solvable(plan)}

        def refit(layer: Mixer, inputs: tuple[torch.Tensor, ...]) -> None:
            name = layers[layer]
            self._refit(name, layer, self._patches(name, layer, inputs), plan.gone(name))

        with _before(layers, refit):
            if self._recalibrated and running_norms(thinned):
                recalibrate(thinned, [self._images])
            else:
                with torch.inference_mode():
                    call(thinned, self._images)

    def _solvable(self, plan: "WeightPlan") -> list[str]:
        """The layers that can be refitted in reasonable time."""
        operations: dict[str, float] = {}
        for name, consumer in self._consumers.items():
            if name in plan.kept:
                kept, full = plan.kept[name], plan.full[name]
                # A whole layer is one system, else every output has its own.
                systems = 1 if kept == full else full // consumer.columns
                operations[name] = systems * (consumer.columns * kept / full) ** 3 / 3
        quickest_first = sorted(operations, key=lambda name: operations[name])
        totals = accumulate(operations[name] for name in quickest_first)
        return [
            name
            for name, total in zip(quickest_first, totals, strict=True)
            if total <= _MAX_OPERATIONS
        ]

    def _gather(self) -> Inputs:
        """The images, and what the original network's layers make of them."""
        example, _ = next(iter(self._split.batches(1)))
        found = find_consumers(self._model, example)
        skipped = too_large(found)
        self._consumers = {name: one for name, one in found.items() if name not in skipped}
        most = max(1, _MAX_ELEMENTS // _largest_output(self._model, example))
        split = self._split.subset(min(self._most_images, most, len(self._split)), self._seed)
        images, _ = next(iter(split.batches(len(split))))
        layers = {mixer(self._model, name): name for name in self._consumers}

        def keep(layer: Mixer, inputs: tuple[torch.Tensor, ...]) -> None:
            name = layers[layer]
            outputs = self._patches(name, layer, inputs) @ layer.weight.flatten(1).T
            self._wanted[name] = outputs if layer.bias is None else outputs + layer.bias

        with _before(layers, keep), torch.inference_mode():
            call(self._model, images)
        return images

    def _patches(self, name: str, layer: Mixer, inputs: tuple[torch.Tensor, ...]) -> torch.Tensor:
        """The same positions of the same images, whoever gave the inputs."""
        generator = position_generator(self._seed, name)
        points = points_of(self._consumers[name].columns, len(inputs[0]))
        return sample_patches(layer, inputs[0], points, generator).float()

    def _refit(self, name: str, layer: Mixer, given: torch.Tensor, gone: torch.Tensor) -> None:
        wanted = self._wanted[name]
        normalised = self._recalibrated and self._consumers[name].normalised
        mean, level = torch.zeros(given.shape[1]), torch.zeros(wanted.shape[1])
        if layer.bias is not None or normalised:
            mean, level = given.mean(0), wanted.mean(0)
        given, wanted = given - mean, wanted - level
        weight = layer.weight.detach().flatten(1)
        system = (given.T @ given / len(given)).double()
        ridge = RIDGE * system.diagonal().mean()
        system.diagonal().add_(ridge)
        target = (given.T @ wanted / len(given)).double() + ridge * weight.T
        weight = solved(system, target, weight, ~gone.flatten(1))
        layer.weight.copy_(weight.view_as(layer.weight))
        if layer.bias is not None:
            layer.bias.copy_(level - weight @ mean)


def solved(
    system: torch.Tensor, target: torch.Tensor, weight: torch.Tensor, kept: torch.Tensor
) -> torch.Tensor:
    """The best weights of every output, where each has other inputs left.

    Args:
        system: (columns, columns) float64 second moments of the inputs, with the ridge.
        target: (columns, outputs) float64 moments of inputs with outputs.
        weight: (outputs, columns) float32, what stays where a system cannot be solved.
        kept: (outputs, columns) bool: the others are zero.

    Returns:
        (outputs, columns) float32.
    """
    found = weight.where(kept, torch.zeros_like(weight))
    masks, mask_of = torch.unique(kept, dim=0, return_inverse=True)
    for number, mask in enumerate(masks):
        columns, outputs = mask.nonzero(), (mask_of == number).nonzero().flatten()
        factor, failed = torch.linalg.cholesky_ex(system[columns, columns.T])
        if len(columns) and not failed:
            best = torch.cholesky_solve(target[columns, outputs], factor)
            found[outputs, columns] = best.float()
    return found


def _largest_output(model: nn.Module, example: Inputs) -> int:
    """Elements of the largest tensor that a module gives for one example."""
    sizes = [1]

    def note(module: nn.Module, inputs: Any, output: Any) -> None:
        if isinstance(output, torch.Tensor):
            sizes.append(output.numel())

    with ExitStack() as hooks, torch.inference_mode():
        for module in model.modules():
            hooks.enter_context(module.register_forward_hook(note))
        call(model, example)
    return max(sizes)


@contextmanager
def _before(
    layers: Iterable[Mixer], work: Callable[[Mixer, tuple[torch.Tensor, ...]], None]
) -> Iterator[None]:
    """Have something done before each of some layers runs."""
    with ExitStack() as hooks:
        for layer in layers:
            hooks.enter_context(layer.register_forward_pre_hook(work))
        yield

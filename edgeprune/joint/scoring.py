"""Accuracy of a structure with the weights of the moment, and their pull towards it."""

import math
from typing import TYPE_CHECKING

import torch
from torch import nn

from edgeprune.evaluation.accuracy import BATCH_SIZE, Batches, metrics_of
from edgeprune.evaluation.batch_norm import recalibrate
from edgeprune.evaluation.execution import Execution
from edgeprune.pruning import ChannelSpace, Plan
from edgeprune.search import Widths
from edgeprune.tasks import Classification

if TYPE_CHECKING:
    from edgeprune.workloads import Splits

#: Share of the reward images that an episode is scored on.
_PART = 0.5


class Scorer:
    """Scores structures of a network whose weights move.

    A structure is really cut out of the network: its own copy is re-estimated and scored, the
    network itself and its batch-norm statistics are left alone.

    Args:
        space: the network's groups.
        model: the network; trained elsewhere, in place.
        splits: training images for batch norms, reward images for the score.
        execution: layout of forward passes.
        images: training images that batch norms are re-estimated from.
        seed: of their choice, and of that of the reward images that an episode is scored on.
    """

    def __init__(
        self,
        space: ChannelSpace,
        model: nn.Module,
        splits: "Splits",
        execution: Execution,
        *,
        images: int,
        seed: int,
    ) -> None:
        self._space, self._model, self._execution = space, model, execution
        few = splits.train.subset(min(images, len(splits.train)), seed)
        order = torch.Generator().manual_seed(seed)
        self._few = [inputs for inputs, _ in few.batches(BATCH_SIZE, generator=order)]
        self._images = len(splits.reward)
        part = splits.reward.subset(max(1, round(_PART * self._images)), seed)
        self._reward, self._part = (
            [(execution.place(inputs), labels) for inputs, labels in split.batches(BATCH_SIZE)]
            for split in (splits.reward, part)
        )

    def plan(self, widths: Widths) -> Plan:
        """The channels that stay, by the L1 norms of the weights as they are now."""
        return self._space.plan(widths, "l1", scores=self._space.importance("l1"))

    def score(self, widths: Widths) -> float:
        """Top-1 accuracy on a part of the reward images, 0 to 1: many structures are scored."""
        return self._accuracy(self._cut(widths), self._part)

    def score_well(self, widths: Widths) -> float:
        """Top-1 accuracy on all reward images, 0 to 1."""
        return self._accuracy(self._cut(widths), self._reward)

    def chance(self, accuracy: float) -> float:
        """Half a standard deviation of an accuracy on all reward images.

        The images are the same for all structures, which mostly fail on the same ones: a
        difference of two accuracies moves less than either.
        """
        return 0.5 * math.sqrt(accuracy * (1 - accuracy) / self._images)

    def dense(self) -> float:
        """Accuracy of the whole network, with its own statistics."""
        training = self._model.training
        found = self._accuracy(self._model, self._reward)
        self._model.train(training)
        return found

    def _cut(self, widths: Widths) -> nn.Module:
        training = self._model.training
        pruned = self.plan(widths).apply(self._model)
        self._model.train(training)
        recalibrate(pruned, self._few, self._execution)
        return pruned

    def _accuracy(self, model: nn.Module, images: Batches) -> float:
        task = Classification()
        return metrics_of(model, images, task)[task.score.name]


class Alignment:
    """The penalty that draws weights towards a structure (Eq. 10): what is to be cut, shrinks.

    The sum over groups and their convolutions and linear layers of the norm, not squared, of the
    weights that go with the channels to be cut. Nothing is set to zero: it is a pull.

    Args:
        space: the network's groups.
        model: the network whose parameters are pulled.
        factor: the penalty's weight, beta.
    """

    def __init__(self, space: ChannelSpace, model: nn.Module, factor: float) -> None:
        self._space, self._factor = space, factor
        self._parameters = dict(model.named_parameters())
        self._cut: list[tuple[torch.Tensor, int, torch.Tensor]] = []

    def follow(self, plan: Plan) -> None:
        """Pull towards this structure from now on."""
        self._cut = []
        for group in self._space.free:
            kept = set(plan.kept[group.name])
            dropped = [unit for unit in range(group.units) if unit not in kept]
            for member in group.members if dropped else ():
                if member.weights:
                    where = torch.from_numpy(member.positions[dropped].reshape(-1))
                    self._cut.append((self._parameters[member.parameter], member.axis, where))

    def norm(self) -> torch.Tensor:
        """Sum of the norms of what is to be cut."""
        norms = [
            torch.linalg.vector_norm(weight.index_select(axis, where.to(weight.device)))
            for weight, axis, where in self._cut
        ]
        return torch.stack(norms).sum() if norms else torch.zeros(())

    def __call__(self) -> torch.Tensor:
        """The penalty, to be added to the loss."""
        return self._factor * self.norm()

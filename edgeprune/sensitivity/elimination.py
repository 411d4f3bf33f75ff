"""Backward elimination by the optimal-brain-surgeon score, with block downdates of the inverse.

What OSSCAR does (Meng et al., ICML 2024, arXiv 2403.12983, section 3) for one layer, here for all
layers that read a group at once. OBS itself is Hassibi and Stork, NeurIPS 1992.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from edgeprune.pruning.importance import Scores

#: Most steps of one elimination. Groups with more units lose several at a step: each step costs
#: as much as the square of what is left, and among hundreds of units a few neighbours in the
#: order make no difference.
MAX_STEPS = 128


@dataclass(frozen=True)
class Reader:
    """The least-squares problem of one layer that reads a group.

    Attributes:
        gram: (columns, columns) float64 positive definite second moments of the layer's patches.
        weight: (outputs, columns) float64.
        columns: (units, k) int64: the columns that go with each unit. Columns of no unit stay.
    """

    gram: torch.Tensor
    weight: torch.Tensor
    columns: torch.Tensor


@dataclass(frozen=True)
class Elimination:
    """What eliminating a group's units one after the other shows.

    Attributes:
        order: (units,) int64: units in the order in which they go.
        errors: (units + 1,) float64: the reconstruction error that is left with so many units
            kept, summed over the readers; 0 with all.
    """

    order: np.ndarray
    errors: Scores

    @property
    def scores(self) -> Scores:
        """Importance, float64 (units,): the rank of each unit among those that go; mean 1."""
        units = len(self.order)
        scores = np.empty(units)
        scores[self.order] = np.arange(1, units + 1) * 2 / (units + 1)
        return scores


def eliminate(readers: Sequence[Reader]) -> Elimination:
    """Remove the units of a group, each time those whose removal costs least.

    The cost of a removal is the rise of ``sum tr((W - V) G (W - V)ᵀ)`` over the readers, with all
    remaining weights of V refitted.

    Args:
        readers: at least one; all have the same units.

    Raises:
        ValueError: a Gram matrix is not positive definite.
    """
    problems = [_Problem(reader) for reader in readers]
    units = len(readers[0].columns)
    left = np.arange(units)
    at_once = -(-units // MAX_STEPS)
    order: list[int] = []
    errors = np.zeros(units + 1)
    while len(left):
        costs = sum((one.costs() for one in problems), torch.zeros(len(left), dtype=torch.float64))
        # Stable: equal costs go in the order of the units, on every machine.
        chosen = np.argsort(costs.numpy(), kind="stable")[:at_once]
        rise = sum(one.remove(torch.from_numpy(chosen)) for one in problems)
        before = errors[len(left)]
        for step in range(1, len(chosen) + 1):
            errors[len(left) - step] = before + rise * step / len(chosen)
        order += left[chosen].tolist()
        left = np.delete(left, chosen)
    return Elimination(np.array(order, np.int64), errors)


class _Problem:
    """One reader with some of its units gone: their rows are taken out of all it holds."""

    def __init__(self, reader: Reader) -> None:
        self._units, self._size = reader.columns.shape
        inside = reader.columns.flatten()
        outside = torch.ones(len(reader.gram), dtype=torch.bool)
        outside[inside] = False
        # Unit by unit, then the rest: what belongs to a unit is a block.
        order = torch.cat([inside, outside.nonzero().flatten()])
        self._inverse = torch.cholesky_inverse(_factor(reader.gram[order][:, order]))
        self._weight = reader.weight[:, order].T.contiguous()

    def costs(self) -> torch.Tensor:
        """Rise of the error by the removal of each unit, float64 (units left,)."""
        units, size = self._units, self._size
        inside = units * size
        weight = self._weight[:inside].view(units, size, -1)
        if size == 1:
            return weight.square().sum((1, 2)) / self._inverse.diagonal()[:units]
        blocks = self._inverse[:inside, :inside].reshape(units, size, units, size)
        blocks = blocks.diagonal(dim1=0, dim2=2).permute(2, 0, 1)
        half = torch.linalg.solve_triangular(_factor(blocks), weight, upper=False)
        costs: torch.Tensor = half.square().sum((1, 2))
        return costs

    def remove(self, units: torch.Tensor) -> float:
        """Remove some of the units left, refit the others, and say how the error rises."""
        gone = (units.unsqueeze(1) * self._size + torch.arange(self._size)).flatten()
        stays = torch.ones(len(self._inverse), dtype=torch.bool)
        stays[gone] = False
        rows, weight = self._inverse[gone], self._weight[gone]
        factor = _factor(rows[:, gone])
        pull = torch.linalg.solve_triangular(factor, rows[:, stays], upper=False)
        half = torch.linalg.solve_triangular(factor, weight, upper=False)
        self._inverse = self._inverse[stays][:, stays].addmm_(pull.T, pull, alpha=-1)
        self._weight = self._weight[stays].addmm_(pull.T, half, alpha=-1)
        self._units -= len(units)
        return float(half.square().sum())


def _factor(matrices: torch.Tensor) -> torch.Tensor:
    """Lower Cholesky factors."""
    factors: torch.Tensor
    factors, failed = torch.linalg.cholesky_ex(matrices)
    if failed.any() or not factors.isfinite().all():
        msg = "the Gram matrix of a layer is not positive definite"
        raise ValueError(msg)
    return factors

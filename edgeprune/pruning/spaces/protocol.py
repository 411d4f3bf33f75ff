"""What a run asks of a granularity: all that it has to know of what is cut, and how."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from torch import nn

from edgeprune.pruning.plan import Slices, Widths


@dataclass(frozen=True)
class Costs:
    """What a candidate takes, for one image.

    Attributes:
        macs: multiply-accumulates that a dense runtime does.
        parameters: that are left.
        density: share of the prunable weights that is kept, where the budget is on it; None where
            the budget is on latency, which is measured.
    """

    macs: int
    parameters: int
    density: float | None = None


@dataclass(frozen=True)
class Part:
    """One line of a candidate's description, for a person.

    Attributes:
        name: of the group or layer.
        layers: names of the layers that are cut together.
        size: channels or weights in the base model.
        kept: of them.
        macs_share: share of the model's MACs, where it is known.
        fixed: why it may not be cut; None: it may.
    """

    name: str
    layers: tuple[str, ...]
    size: int
    kept: int
    macs_share: float = 0.0
    fixed: str | None = None


class CandidatePlan(Protocol):
    """Widths, and which channels or weights they keep."""

    @property
    def widths(self) -> Widths:
        """The candidate's identity."""

    @property
    def slices(self) -> Slices:
        """Kept positions of every tensor that is cut; none where shapes stay."""

    @property
    def whole(self) -> bool:
        """Whether it keeps everything."""

    def apply(self, model: nn.Module) -> nn.Module:
        """A pruned copy of a model of the base architecture."""

    def cut(self, state: Mapping[str, torch.Tensor]) -> Mapping[str, torch.Tensor]:
        """Weights and buffers as the plan leaves them; the state itself stays as it is."""

    def hold(self, model: nn.Module) -> None:
        """What is done to a pruned model after every step of training."""

    def save(self, path: str | Path) -> None:
        """Write the plan as JSON, atomically; `load_plan` reads it."""


class CandidateSpace(Protocol):
    """What may be cut of one model.

    A new granularity is a file with a class of these four methods and a plan class of the four of
    `CandidatePlan`; `load_plan` and the session learn its name. Where its cost can be counted, so
    that the budget is on it and not on measured latency, it has the methods of `CountedSpace` too.

    Attributes:
        feature_names: columns of `features`.
    """

    feature_names: tuple[str, ...]

    @property
    def choices(self) -> Mapping[str, Sequence[int]]:
        """Allowed widths of each group, ascending; the last keeps everything."""

    @property
    def features(self) -> np.ndarray:
        """Unscaled features of the groups that may be cut, float64 (groups, columns)."""

    def costs(self, widths: Mapping[str, int]) -> Costs:
        """What a candidate takes, as far as it is known without measuring it."""

    def plan(
        self,
        widths: Mapping[str, int],
        importance: str = "l1",
        *,
        scores: Mapping[str, Any] | None = None,
    ) -> CandidatePlan:
        """Choose what stays."""

    def scaled(self, ratio: float) -> Widths:
        """The allowed widths nearest to one keep ratio for all groups."""

    def describe(self, widths: Mapping[str, int]) -> tuple[Part, ...]:
        """A candidate for a person: group by group, those that may not be cut included."""


class CountedSpace(CandidateSpace, Protocol):
    """A space whose cost is a density, known exactly before anything is made."""

    def density(self, widths: Mapping[str, int]) -> float:
        """Share of the prunable weights that is kept."""

    def written_density(self, content: bytes) -> float:
        """The same, counted in an ONNX file: what holds for the budget."""

    def by_magnitude(self, density: float, factors: Mapping[str, float] | None = None) -> Widths:
        """What a method without search keeps within a density: the baseline to beat.

        With factors, one of each layer, its thresholds times those.
        """

    def completed(self, widths: Mapping[str, int], density: float) -> Widths:
        """What that method keeps of given widths."""

    def above(self, layer: str, deviations: float) -> float:
        """How much of a layer lies above so many standard deviations of its weights."""

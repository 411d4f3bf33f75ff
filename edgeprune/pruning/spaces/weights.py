"""Single weights: which of a model's weights may go, by magnitude, and the plans that say so."""

import copy
import fnmatch
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import numpy as np
import onnx
import torch
from onnx import numpy_helper
from pydantic import BaseModel, Field
from torch import nn

from edgeprune.errors import SpaceError, nearest
from edgeprune.files import write_json
from edgeprune.pruning.plan import Slices, Widths, fingerprint, read_plan
from edgeprune.pruning.spaces.protocol import Costs, Part

#: Densities are whole thousandths of a layer's weights: they take the place of widths.
PER_MILLE = 1000
#: No layer keeps fewer weights than this (all it has, if it has fewer): an empty layer cuts the
#: network in two, which global magnitude does at high sparsity.
LEAST_WEIGHTS = 16
#: Halvings of the range of thresholds: below any two magnitudes that float32 tells apart.
_HALVINGS = 48


@dataclass(frozen=True)
class WeightPlan:
    """Densities of one model's layers; magnitude says which weights those are.

    Attributes:
        widths: densities: kept weights of every layer in thousandths.
        kept: the same as numbers of weights.
        full: weights of every layer in the base model.
        fingerprint: of the base architecture, as a `Plan` has it.
        ranks: each weight's position by magnitude among those of its layer; of a plan that was
            read back they are those of the model that it is applied to first.
    """

    widths: Widths
    kept: dict[str, int]
    full: dict[str, int]
    fingerprint: str
    ranks: dict[str, torch.Tensor] = field(default_factory=dict, compare=False, repr=False)

    @property
    def slices(self) -> Slices:
        """No tensor loses positions."""
        return {}

    @property
    def whole(self) -> bool:
        """Whether all weights stay."""
        return self.kept == self.full

    def apply(self, model: nn.Module) -> nn.Module:
        """A copy of the base model with the other weights at zero.

        Raises:
            SpaceError: the model is of another architecture, or the plan names a layer that it
                does not have.
        """
        if (found := fingerprint(model)) != self.fingerprint:
            msg = (
                f"the plan was made for another architecture: fingerprint "
                f"{self.fingerprint[:12]}…, this model has {found[:12]}…"
            )
            raise SpaceError(msg)
        if not self.ranks:
            modules = dict(model.named_modules())
            weights = {name: _weight(name, modules.get(name)) for name in self.kept}
            self.ranks.update({name: _ranks(weight) for name, weight in weights.items()})
        pruned = copy.deepcopy(model)
        self.hold(pruned)
        return pruned

    def cut(self, state: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        """The base model's weights and buffers with the other weights at zero."""
        masked = {
            f"{name}.weight": state[f"{name}.weight"].masked_fill(self.gone(name), 0.0)
            for name in self.kept
        }
        return {**state, **masked}

    def hold(self, model: nn.Module) -> None:
        """Put the weights that went back to zero, as after a step of training."""
        modules = dict(model.named_modules())
        with torch.no_grad():
            for name in self.kept:
                weight = modules[name].weight
                if isinstance(weight, torch.Tensor):
                    weight.masked_fill_(self.gone(name).to(weight.device), 0.0)

    def save(self, path: str | Path) -> None:
        """Write the plan as JSON, atomically."""
        written = WeightPlanFile(
            format=1,
            granularity="weights",
            densities=self.widths,
            kept=self.kept,
            full=self.full,
            fingerprint=self.fingerprint,
        )
        write_json(Path(path), written.model_dump())

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read what `save` wrote.

        Raises:
            SpaceError: there is no such file, or it holds no plan of single weights.
        """
        written = read_plan(path, WeightPlanFile, "edgeprune plan of single weights")
        return cls(written.densities, written.kept, written.full, written.fingerprint)

    def gone(self, name: str) -> torch.Tensor:
        """Which weights of a layer go; known once the plan has been applied.

        Args:
            name: of the layer.

        Returns:
            Bool, of the weights' shape.
        """
        return self.ranks[name] >= self.kept[name]


class WeightPlanFile(BaseModel):
    """What a `WeightPlan` is on disk."""

    format: Literal[1]
    granularity: Literal["weights"]
    densities: Widths
    kept: dict[str, Annotated[int, Field(ge=0, lt=2**63)]]
    full: dict[str, int]
    fingerprint: str


class WeightSpace:
    """Which weights of a model may go: all of its convolutions and linear layers.

    Plans are monotone: of two densities of a layer the larger keeps all that the smaller keeps.
    Equal magnitudes are ranked by position.

    Args:
        model: trained; its weights are the magnitudes.
        include: patterns of layer names; where given, only these may lose weights.
        exclude: patterns of layer names that keep all of their weights.
        macs: multiply-accumulates of the model, which a dense runtime does for every candidate.

    Attributes:
        layers: names of the layers' modules, in the order of the model.
        full: weights of each.
        choices: allowed densities of each, in thousandths, ascending.

    Raises:
        SpaceError: the model has no convolution and no linear layer, a pattern matches none, or
            nothing is left to prune.
    """

    feature_names: tuple[str, ...] = ("index", "log_weights", "share")

    def __init__(
        self,
        model: nn.Module,
        *,
        include: Sequence[str] = (),
        exclude: Sequence[str] = (),
        macs: int = 0,
    ) -> None:
        weights = {
            name: _weight(name, module)
            for name, module in model.named_modules()
            if isinstance(module, nn.modules.conv._ConvNd | nn.Linear)
        }
        weights = {name: weights[name] for name in _wanted(tuple(weights), include, exclude)}
        self._fingerprint, self._macs = fingerprint(model), macs
        self._total = sum(one.numel() for one in model.parameters())
        self._ranks = {name: _ranks(weight) for name, weight in weights.items()}
        self._sorted = {
            name: np.sort(weight.abs().flatten().numpy())[::-1] for name, weight in weights.items()
        }
        self._deviation = {name: float(one.std(unbiased=False)) for name, one in weights.items()}
        self.layers = tuple(weights)
        self.full = {name: weight.numel() for name, weight in weights.items()}
        self.choices = {
            name: tuple(range(_least(size), PER_MILLE + 1)) for name, size in self.full.items()
        }

    @cached_property
    def features(self) -> np.ndarray:
        """Position, logarithm of the weights and share of all weights of each layer."""
        sizes = np.array([self.full[name] for name in self.layers], np.float64)
        return np.column_stack([np.arange(len(sizes)), np.log(sizes), sizes / sizes.sum()])

    def plan(
        self,
        widths: Mapping[str, int],
        importance: str = "l1",
        *,
        scores: Mapping[str, Any] | None = None,
    ) -> WeightPlan:
        """The largest magnitudes stay.

        Args:
            widths: thousandths of its weights that each layer keeps.
            importance: of channels; weights go by magnitude, whatever it says.
            scores: of channels.

        Raises:
            SpaceError: a layer is missing or unknown, or its density is not allowed.
        """
        for name in widths:
            if name not in self.full:
                msg = f"unknown layer {name!r}{nearest(name, self.layers)}"
                raise SpaceError(msg)
        for name in self.layers:
            least, density = self.choices[name][0], widths.get(name)
            if density not in self.choices[name]:
                msg = (
                    f"density of layer {name!r} is {density}; allowed: whole thousandths from "
                    f"{least} to {PER_MILLE}"
                )
                raise SpaceError(msg)
        kept = {name: self._kept(name, widths[name]) for name in self.layers}
        chosen = {name: int(widths[name]) for name in self.layers}
        return WeightPlan(chosen, kept, dict(self.full), self._fingerprint, self._ranks)

    def costs(self, widths: Mapping[str, int]) -> Costs:
        """Parameters that are left, biases and normalisations included, and the density."""
        removed = sum(self.full[name] - self._kept(name, widths[name]) for name in self.layers)
        return Costs(self._macs, self._total - removed, self.density(widths))

    def describe(self, widths: Mapping[str, int]) -> tuple[Part, ...]:
        """The kept weights of every layer that may lose some."""
        return tuple(
            Part(name, (name,), self.full[name], self._kept(name, widths[name]))
            for name in self.layers
        )

    def density(self, widths: Mapping[str, int]) -> float:
        """Share of all prunable weights that is kept."""
        kept = sum(self._kept(name, widths[name]) for name in self.layers)
        return kept / sum(self.full.values())

    def written_density(self, content: bytes) -> float:
        """Share of the prunable weights that is not zero in an ONNX file."""
        wanted = {f"{name}.weight" for name in self.layers}
        kept = sum(
            int(np.count_nonzero(numpy_helper.to_array(tensor)))
            for tensor in onnx.load_from_string(content).graph.initializer
            if tensor.name in wanted
        )
        return kept / sum(self.full.values())

    def above(self, layer: str, deviations: float) -> float:
        """Thousandths of a layer's weights whose magnitude is so many standard deviations."""
        limit = deviations * self._deviation[layer]
        kept = int(np.searchsorted(-self._sorted[layer], -limit, side="right"))
        return PER_MILLE * kept / self.full[layer]

    def scaled(self, ratio: float) -> Widths:
        """The same density for every layer, none below its least."""
        return {name: self._allowed(name, PER_MILLE * ratio) for name in self.layers}

    def by_deviations(self, deviations: float) -> Widths:
        """One threshold for all layers, in standard deviations of each one's weights."""
        return {name: self._allowed(name, self.above(name, deviations)) for name in self.layers}

    def by_magnitude(self, density: float, factors: Mapping[str, float] | None = None) -> Widths:
        """Global magnitude (arXiv 2209.14624): one threshold for all weights of the model.

        Args:
            density: share of all weights that is kept at most, but for layers at their least.
            factors: of each layer, what the common threshold is multiplied by there.
        """
        if factors is None:
            return self.completed({name: PER_MILLE for name in self.layers}, density)
        most = {name: PER_MILLE for name in self.layers}
        low, high = 0.0, float(self._everything[0]) / min(factors.values()) + 1.0
        for _ in range(_HALVINGS):
            middle = (low + high) / 2
            limits = {name: middle * factors[name] for name in self.layers}
            if self.density(self._over(limits, most)) <= density:
                high = middle
            else:
                low = middle
        return self._over({name: high * factors[name] for name in self.layers}, most)

    def completed(self, widths: Mapping[str, int], density: float) -> Widths:
        """Global magnitude among the weights that some densities keep.

        Args:
            widths: no layer keeps more than here.
            density: share of all weights that is kept at most, but for layers at their least.
        """
        low, high = 0, len(self._everything)
        # Rounding to thousandths and the least densities move the sum: bisect on the threshold.
        while low < high:
            middle = (low + high + 1) // 2
            found = self._over(self._common(float(self._everything[middle - 1])), widths)
            if self.density(found) <= density:
                low = middle
            else:
                high = middle - 1
        limit = float(self._everything[low - 1]) if low else math.inf
        return self._over(self._common(limit), widths)

    def _common(self, limit: float) -> dict[str, float]:
        return dict.fromkeys(self.layers, limit)

    @cached_property
    def _everything(self) -> np.ndarray:
        """All magnitudes of the model, falling."""
        return np.sort(np.concatenate(list(self._sorted.values())))[::-1]

    def _over(self, limits: Mapping[str, float], most: Mapping[str, int]) -> Widths:
        counts = {
            name: int(np.searchsorted(-self._sorted[name], -limits[name], side="right"))
            for name in self.layers
        }
        return {
            name: min(most[name], self._allowed(name, PER_MILLE * counts[name] / self.full[name]))
            for name in self.layers
        }

    def _allowed(self, name: str, thousandths: float) -> int:
        return min(PER_MILLE, max(self.choices[name][0], round(thousandths)))

    def _kept(self, name: str, density: int) -> int:
        return math.ceil(density * self.full[name] / PER_MILLE)


def _wanted(layers: Sequence[str], include: Sequence[str], exclude: Sequence[str]) -> list[str]:
    if not layers:
        msg = "no weights can be pruned: the model has no convolution and no linear layer"
        raise SpaceError(msg)
    for pattern in (*include, *exclude):
        if not fnmatch.filter(layers, pattern):
            msg = (
                f"{pattern!r} matches no layer of the model{nearest(pattern, layers)}; allowed: "
                f"globs over {', '.join(layers)}"
            )
            raise SpaceError(msg)
    chosen = [
        name
        for name in layers
        if (not include or any(fnmatch.fnmatchcase(name, one) for one in include))
        and not any(fnmatch.fnmatchcase(name, one) for one in exclude)
    ]
    if not chosen:
        msg = f"nothing is left to prune: prune.exclude {list(exclude)} takes all layers out"
        raise SpaceError(msg)
    return chosen


def _weight(name: str, module: nn.Module | None) -> torch.Tensor:
    weight = getattr(module, "weight", None)
    if not isinstance(weight, torch.Tensor):
        msg = (
            f"the plan does not fit the model that it names: it has no layer {name!r} with weights"
        )
        raise SpaceError(msg)
    return weight.detach().float().cpu()


def _ranks(weight: torch.Tensor) -> torch.Tensor:
    """Position of each weight among those of its layer, 0 for the largest magnitude."""
    order = weight.abs().flatten().argsort(descending=True, stable=True)
    ranks = torch.empty_like(order)
    ranks[order] = torch.arange(len(order))
    return ranks.reshape(weight.shape)


def _least(size: int) -> int:
    return min(PER_MILLE, math.ceil(PER_MILLE * LEAST_WEIGHTS / size))

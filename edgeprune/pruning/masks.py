"""Masks: pruning single weights by magnitude, beside plans, which prune whole channels."""

import copy
import fnmatch
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from torch import nn

from edgeprune.errors import SpaceError, nearest
from edgeprune.files import write_json
from edgeprune.pruning.plan import fingerprint

#: Kept weights of every layer, in thousandths of its own: a candidate's identity.
Densities = dict[str, int]

PER_MILLE = 1000
#: No layer keeps fewer weights than this (all it has, if it has fewer): an empty layer cuts the
#: network in two, which global magnitude does at high sparsity.
LEAST_WEIGHTS = 16
_FORMAT = 1


@dataclass(frozen=True)
class Masks:
    """Densities of one model's layers; magnitude says which weights those are.

    Attributes:
        densities: kept weights of every layer in thousandths.
        kept: the same as numbers of weights.
        full: weights of every layer in the base model.
        fingerprint: of the base architecture, as a `Plan` has it.
    """

    densities: Densities
    kept: dict[str, int]
    full: dict[str, int]
    fingerprint: str

    def save(self, path: str | Path) -> None:
        """Write the masks as JSON, atomically."""
        write_json(Path(path), {"format": _FORMAT, "granularity": "weights"} | vars(self))

    @classmethod
    def load(cls, path: str | Path) -> "Masks":
        """Read what `save` wrote.

        Raises:
            SpaceError: there is no such file, or it holds no masks.
        """
        try:
            record = json.loads(Path(path).read_text())
            if record["format"] != _FORMAT or record["granularity"] != "weights":
                msg = f"format {record['format']!r}, granularity {record['granularity']!r}"
                raise ValueError(msg)
            densities, kept, full = (
                {name: int(number) for name, number in record[key].items()}
                for key in ("densities", "kept", "full")
            )
            return cls(densities, kept, full, str(record["fingerprint"]))
        except OSError as error:
            msg = f"the masks {path} cannot be read: {error.strerror}"
            raise SpaceError(msg) from error
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            msg = f"{path} holds no masks of edgeprune: {error!r}"
            raise SpaceError(msg) from error


class MaskSpace:
    """Which weights of a model may go: all of its convolutions and linear layers.

    Masks are monotone: of two densities of a layer the larger keeps all that the smaller keeps.
    Equal magnitudes are ranked by position.

    Args:
        model: trained; its weights are the magnitudes.
        include: patterns of layer names; where given, only these may lose weights.
        exclude: patterns of layer names that keep all of their weights.

    Attributes:
        layers: names of the layers' modules, in the order of the model.
        full: weights of each.
        choices: allowed densities of each, in thousandths, ascending.

    Raises:
        SpaceError: the model has no convolution and no linear layer, a pattern matches none, or
            nothing is left to prune.
    """

    def __init__(
        self, model: nn.Module, *, include: Sequence[str] = (), exclude: Sequence[str] = ()
    ) -> None:
        weights = {
            name: module.weight.detach().float().cpu()
            for name, module in model.named_modules()
            if isinstance(module, nn.modules.conv._ConvNd | nn.Linear)
        }
        weights = {name: weights[name] for name in _wanted(tuple(weights), include, exclude)}
        self._fingerprint = fingerprint(model)
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

    def masks(self, densities: Mapping[str, int]) -> Masks:
        """The masks of these densities.

        Raises:
            SpaceError: a layer is missing or unknown, or its density is not allowed.
        """
        for name in densities:
            if name not in self.full:
                msg = f"unknown layer {name!r}{nearest(name, self.layers)}"
                raise SpaceError(msg)
        for name in self.layers:
            least, density = self.choices[name][0], densities.get(name)
            if density not in self.choices[name]:
                msg = (
                    f"density of layer {name!r} is {density}; allowed: whole thousandths from "
                    f"{least} to {PER_MILLE}"
                )
                raise SpaceError(msg)
        kept = {name: self._kept(name, densities[name]) for name in self.layers}
        chosen = {name: int(densities[name]) for name in self.layers}
        return Masks(chosen, kept, dict(self.full), self._fingerprint)

    def apply(self, model: nn.Module, masks: Masks) -> nn.Module:
        """A copy of the model with the other weights at zero.

        Raises:
            SpaceError: the masks or the model are of another architecture.
        """
        masked = copy.deepcopy(model)
        for found in (masks.fingerprint, fingerprint(model)):
            if found != self._fingerprint:
                msg = (
                    f"the masks were made for another architecture: fingerprint {found[:12]}…, "
                    f"expected {self._fingerprint[:12]}…"
                )
                raise SpaceError(msg)
        self.hold(masked, masks)
        return masked

    def hold(self, model: nn.Module, masks: Masks) -> None:
        """Put the masked weights of a model back to zero, as after a step of training."""
        modules = dict(model.named_modules())
        with torch.no_grad():
            for name in self.layers:
                weight = modules[name].weight
                if isinstance(weight, torch.Tensor):
                    gone = self._ranks[name] >= masks.kept[name]
                    weight.masked_fill_(gone.to(weight.device), 0.0)

    def density(self, densities: Mapping[str, int]) -> float:
        """Share of all prunable weights that is kept."""
        kept = sum(self._kept(name, densities[name]) for name in self.layers)
        return kept / sum(self.full.values())

    def parameters(self, densities: Mapping[str, int]) -> int:
        """Parameters that are not masked, biases and normalisations included."""
        removed = sum(self.full[name] - self._kept(name, densities[name]) for name in self.layers)
        return self._total - removed

    def above(self, layer: str, deviations: float) -> float:
        """Thousandths of a layer's weights whose magnitude is so many standard deviations."""
        limit = deviations * self._deviation[layer]
        kept = int(np.searchsorted(-self._sorted[layer], -limit, side="right"))
        return PER_MILLE * kept / self.full[layer]

    def uniform(self, density: float) -> Densities:
        """The same density for every layer, none below its least."""
        return {name: self._allowed(name, PER_MILLE * density) for name in self.layers}

    def by_deviations(self, deviations: float) -> Densities:
        """One threshold for all layers, in standard deviations of each one's weights."""
        return {name: self._allowed(name, self.above(name, deviations)) for name in self.layers}

    def by_magnitude(self, density: float) -> Densities:
        """Global magnitude (arXiv 2209.14624): one threshold for all weights of the model.

        Args:
            density: share of all weights that is kept at most, but for layers at their least.
        """
        return self.completed({name: PER_MILLE for name in self.layers}, density)

    def completed(self, densities: Mapping[str, int], density: float) -> Densities:
        """Global magnitude among the weights that some densities keep.

        Args:
            densities: no layer keeps more than here.
            density: share of all weights that is kept at most, but for layers at their least.
        """
        low, high = 0, len(self._everything)
        # Rounding to thousandths and the least densities move the sum: bisect on the threshold.
        while low < high:
            middle = (low + high + 1) // 2
            found = self._over(float(self._everything[middle - 1]), densities)
            if self.density(found) <= density:
                low = middle
            else:
                high = middle - 1
        return self._over(float(self._everything[low - 1]) if low else math.inf, densities)

    @cached_property
    def _everything(self) -> np.ndarray:
        """All magnitudes of the model, falling."""
        return np.sort(np.concatenate(list(self._sorted.values())))[::-1]

    def _over(self, limit: float, most: Mapping[str, int]) -> Densities:
        counts = {
            name: int(np.searchsorted(-self._sorted[name], -limit, side="right"))
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


def _ranks(weight: torch.Tensor) -> torch.Tensor:
    """Position of each weight among those of its layer, 0 for the largest magnitude."""
    order = weight.abs().flatten().argsort(descending=True, stable=True)
    ranks = torch.empty_like(order)
    ranks[order] = torch.arange(len(order))
    return ranks.reshape(weight.shape)


def _least(size: int) -> int:
    return min(PER_MILLE, math.ceil(PER_MILLE * LEAST_WEIGHTS / size))

"""MACs, parameters and per-layer costs of any widths, from precomputed linear forms."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from edgeprune.pruning.flow import Layer, Product
from edgeprune.pruning.groups import ChannelGroup
from edgeprune.pruning.labels import Axes, Classes, Ids

Floats: TypeAlias = NDArray[np.float64]
_NO_IDS = np.zeros(0, np.int64)


@dataclass(frozen=True, eq=False)
class LayerCosts:
    """What every convolution and linear layer costs, for one image.

    Arrays are float64 (layers,), or (plans, layers) of several plans.

    Attributes:
        names: torch modules in the order of execution; a module that runs twice is there twice.
        macs: multiply-accumulates, without biases.
        input_elements: numbers read.
        output_elements: numbers written.
        weights: weights, without biases.
    """

    names: tuple[str, ...]
    macs: Floats
    input_elements: Floats
    output_elements: Floats
    weights: Floats


class Lengths:
    """Counts of kept positions as linear functions of the kept units of the free groups."""

    def __init__(self, groups: Sequence[ChannelGroup], classes: Classes) -> None:
        self._groups = len(groups)
        self._classes = classes
        self._group_of = np.full(classes.count, len(groups))
        self._units = np.array([group.units for group in groups], np.float64)
        for index, group in enumerate(groups):
            self._group_of[group.classes] = index

    @property
    def full(self) -> Floats:
        """All units of every free group."""
        return self._units

    def of(self, axes: Sequence[Ids | int]) -> tuple[Floats, Floats]:
        """Lengths of some axes.

        Args:
            axes: labels, or a plain number that never changes.

        Returns:
            `(base, slope)`: with `units` kept per group the lengths are `base + slope @ units`.
        """
        # All axes at once: one by one, opening a space takes noticeably longer.
        numbers = [ids if isinstance(ids, int) else 0 for ids in axes]
        labels = [ids for ids in axes if not isinstance(ids, int)]
        rows = np.flatnonzero([not isinstance(ids, int) for ids in axes])
        owners = self._group_of[self._classes.of[np.concatenate([_NO_IDS, *labels])]]
        rows = np.repeat(rows, [ids.size for ids in labels])
        width = self._groups + 1
        found = np.bincount(rows * width + owners, minlength=len(axes) * width)
        counts = found.reshape(len(axes), width).astype(np.float64)
        return counts[:, -1] + np.array(numbers, np.float64), counts[:, :-1] / self._units


@dataclass(frozen=True, eq=False)
class _Removal:
    """A branch that may go: 1 for what stays without it, 0 for what goes with it."""

    group: int
    layers: Floats
    parameters: Floats
    never_cut: Floats
    products: Floats


class CostModel:
    """Costs of widths.

    Args:
        layers: of the model, in the order of execution.
        parameters: labels by state-dict name and axis, of what counts as a parameter.
        sizes: elements of the parameters that are never cut.
        lengths: linear forms over the kept units.
        branches: number of a free group, whose width 0 removes a branch, and which parameters and
            buffers go with it.
        products: what multiplies beside the layers.
    """

    def __init__(
        self,
        layers: Sequence[Layer],
        parameters: Mapping[str, Axes],
        sizes: Mapping[str, int],
        lengths: Lengths,
        branches: Sequence[tuple[int, Callable[[str], bool]]] = (),
        products: Sequence[Product] = (),
    ) -> None:
        self.names = tuple(layer.name for layer in layers)
        count = len(layers)
        parts = [lengths.of([layer.outputs for layer in layers])]
        parts.append(lengths.of([layer.fan_in for layer in layers]))
        parts.append(lengths.of([layer.inputs for layer in layers]))
        base = np.concatenate([part[0] for part in parts])
        slope = np.concatenate([part[1] for part in parts])
        out_positions = np.array([float(np.prod(layer.out_size)) for layer in layers])
        in_positions = np.array([float(layer.in_positions) for layer in layers])
        kernels = np.array([float(np.prod(layer.kernel)) for layer in layers])
        # Kernel size and positions are folded into the rows: a cost is then a product of two.
        scale = np.concatenate([np.ones(count), kernels, in_positions])
        self._base = base * scale
        self._slope = np.ascontiguousarray(slope * scale[:, None])
        self._out_positions = out_positions
        # A transposed convolution multiplies at every input pixel, not at every output pixel.
        transposed = np.array([layer.op == "ConvTranspose" for layer in layers], bool)
        self._mac_positions = np.where(transposed, in_positions, out_positions)
        self._along = [
            (index, *lengths.of([layer.along]), float(layer.along.size))
            for index, layer in enumerate(layers)
            if layer.along is not None
        ]
        self._pair_rows = count
        self._products = lengths.of([one for product in products for one in product.factors])
        factors = [len(product.factors) for product in products]
        self._product_starts = np.cumsum([0, *factors])[:-1]
        names = [name for name, axes in parameters.items() if any(i is not None for i in axes)]
        cut = [parameters[name] for name in names]
        flat = [1 if ids is None else ids for axes in cut for ids in axes]
        self._parameter_base, self._parameter_slope = lengths.of(flat)
        self._starts = np.cumsum([0, *(len(axes) for axes in cut)])[:-1]
        self._never_cut = np.array([*sizes.values()], np.float64)
        self._branches = [
            _Removal(
                group,
                np.array([not removed(layer.weight) for layer in layers], np.float64),
                np.array([not removed(name) for name in names], np.float64),
                np.array([not removed(name) for name in sizes], np.float64),
                np.array([not removed(one.name) for one in products], np.float64),
            )
            for group, removed in branches
        ]

    def layers(self, units: Floats) -> LayerCosts:
        """Costs of every layer.

        Args:
            units: kept per free group, (groups,) or (plans, groups).
        """
        count = self._pair_rows
        lengths = _lengths(self._base, self._slope, units)
        outputs, inputs = lengths[..., :count], lengths[..., 2 * count :]
        for removal, gone in self._removed(units):
            stays = np.where(gone, removal.layers, 1.0)
            outputs, inputs = outputs * stays, inputs * stays
        weights = outputs * lengths[..., count : 2 * count]
        return LayerCosts(
            self.names,
            weights * self._positions(self._mac_positions, units),
            inputs,
            outputs * self._positions(self._out_positions, units),
            weights,
        )

    def macs(self, units: Floats) -> NDArray[np.int64]:
        """MACs of the model for one image, products of activations included.

        Counts of this size are exact in float64.

        Args:
            units: kept per free group, (groups,) or (plans, groups).
        """
        count = self._pair_rows
        lengths = _lengths(self._base[: 2 * count], self._slope[: 2 * count], units)
        weights = lengths[..., :count] * lengths[..., count:]
        for removal, gone in self._removed(units):
            weights = weights * np.where(gone, removal.layers, 1.0)
        macs = (weights * self._positions(self._mac_positions, units)).sum(axis=-1)
        return np.asarray(np.rint(macs + self.products(units).sum(axis=-1)), np.int64)

    def products(self, units: Floats) -> Floats:
        """MACs of the products of activations."""
        if not len(self._product_starts):
            return np.zeros((*units.shape[:-1], 0))
        lengths = _lengths(*self._products, units)
        products: Floats = np.multiply.reduceat(lengths, self._product_starts, axis=-1)
        for removal, gone in self._removed(units):
            products = products * np.where(gone, removal.products, 1.0)
        return products

    @property
    def cut_products(self) -> NDArray[np.bool_]:
        """Which products of activations have fewer MACs where some free group is cut."""
        if not len(self._product_starts):
            return np.zeros(0, bool)
        depends = self._products[1].any(axis=1)
        return np.logical_or.reduceat(depends, self._product_starts)

    def parameters(self, units: Floats) -> int:
        """Number of parameters, biases and normalisation included, buffers not."""
        sizes, never_cut = np.zeros(0), self._never_cut
        if len(self._starts):
            lengths = self._parameter_base + self._parameter_slope @ units
            sizes = np.multiply.reduceat(lengths, self._starts)
        for removal, _ in self._removed(units):
            sizes, never_cut = sizes * removal.parameters, never_cut * removal.never_cut
        return round(float(sizes.sum() + never_cut.sum()))

    def _positions(self, positions: Floats, units: Floats) -> Floats:
        """Positions of every layer, fewer where an axis of its image is cut."""
        if not self._along:
            return positions
        positions = np.broadcast_to(positions, (*units.shape[:-1], len(positions))).copy()
        for index, base, slope, full in self._along:
            positions[..., index] *= _lengths(base, slope, units)[..., 0] / full
        return positions

    def _removed(self, units: Floats) -> list[tuple["_Removal", NDArray[np.bool_]]]:
        """Branches that are gone, each with in which of the plans: (1,) or (plans, 1)."""
        return [
            (removal, gone)
            for removal in self._branches
            if (gone := units[..., removal.group, None] == 0).any()
        ]


def _lengths(base: Floats, slope: Floats, units: Floats) -> Floats:
    """Lengths, (..., lengths): of a plan by a product of its own, whatever others are beside it."""
    return np.asarray(base + (slope @ units[..., None])[..., 0], np.float64)

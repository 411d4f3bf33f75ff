"""A net whose channels can be cut: from widths to the kernels of its layers."""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property

import numpy as np

from edgeprune.errors import MeasurementError
from edgeprune.latency.costs import LayerCosts
from edgeprune.latency.features import Shapes
from edgeprune.latency.graph import read_steps
from edgeprune.latency.kernels import Kernel, read_layers


class PrunableNet:
    """The layers of a net at any widths.

    Args:
        base: ONNX file of the uncut net; cut ones have the same nodes.
        layer_costs: costs of the same layers in the same order, for one image, at any widths.
        full: widths of the uncut net.
        called: what a profile calls the layers of these nodes, where it is not by their names.

    Raises:
        MeasurementError: the file cannot be read, or its layers are not those of the costs.
    """

    def __init__(
        self,
        base: bytes,
        layer_costs: Callable[[dict[str, int]], LayerCosts],
        full: dict[str, int],
        called: Mapping[str, str] | None = None,
    ) -> None:
        layers = read_layers(base)
        #: Whether a profile tells single operators, none fused over layers.
        self.by_operator = called is not None
        self.steps = read_steps(base, layers)
        names = called or {}
        self.nodes = tuple(names.get(layer.node, layer.node) for layer in layers)
        self.full = dict(full)
        self._layer_costs = layer_costs
        self._kernels = tuple(layer.kernel for layer in layers)
        expected = layer_costs(self.full)
        found = np.array([_weights(kernel) for kernel in self._kernels])
        if len(found) != len(expected.weights) or not np.array_equal(found, expected.weights):
            msg = (
                f"the ONNX file has {len(found)} layers with {found.sum()} weights; the model has "
                f"{len(expected.weights)} with {expected.weights.sum():.0f}: kernels cannot be told"
            )
            raise MeasurementError(msg)
        self._read = np.array([kernel.read for kernel in self._kernels], np.float64)
        self._written = np.array([kernel.written for kernel in self._kernels], np.float64)
        self._costs = expected

    def shapes(self, widths: dict[str, int]) -> Shapes:
        """Channels and sizes of every layer; no channels where its branch is removed.

        Args:
            widths: kept channels per group.
        """
        costs, base = self._layer_costs(widths), self._costs
        read = np.rint(self._read * costs.input_elements / base.input_elements)
        written = np.rint(self._written * costs.output_elements / base.output_elements)
        fan_in = np.rint(costs.weights / np.maximum(written * self._sizes.area, 1.0))
        return replace(self._sizes, read=read, written=written, fan_in=fan_in)

    def shapes_of(self, channels: Sequence[tuple[int, int, int]]) -> Shapes:
        """Shapes by what every layer reads and writes, and its groups."""
        read, written, groups = np.array(channels, np.float64).T
        return replace(self._sizes, read=read, written=written, fan_in=read / groups)

    def kernels(self, widths: dict[str, int]) -> tuple[Kernel, ...]:
        """The kernel of every layer.

        Args:
            widths: kept channels per group.
        """
        shapes = self.shapes(widths)
        groups = np.where(shapes.fan_in > 0, shapes.read / np.maximum(shapes.fan_in, 1.0), 1.0)
        counts = zip(shapes.read, shapes.written, groups, strict=True)
        return tuple(
            replace(kernel, read=int(read), written=int(written), groups=round(conv_groups))
            for kernel, (read, written, conv_groups) in zip(self._kernels, counts, strict=True)
        )

    @cached_property
    def signature(self) -> str:
        """A hash of the uncut kernels: nets of one architecture share it."""
        text = json.dumps([kernel.to_json() for kernel in self._kernels])
        return hashlib.sha256(text.encode()).hexdigest()[:32]

    @cached_property
    def _sizes(self) -> Shapes:
        return Shapes.of(self._kernels)


def _weights(kernel: Kernel) -> int:
    return kernel.read // kernel.groups * kernel.written * kernel.area[0] * kernel.area[1]

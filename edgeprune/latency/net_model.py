"""The kernels of one net put together: an estimate of its latency at any widths."""

from dataclasses import dataclass

import numpy as np

from edgeprune.latency.alignment import Paths
from edgeprune.latency.between import beside
from edgeprune.latency.costs import Floats
from edgeprune.latency.features import Shapes
from edgeprune.latency.kernel_model import KernelModel, times_of
from edgeprune.latency.net import PrunableNet
from edgeprune.latency.rest import RestModel
from edgeprune.latency.table import KernelTable


@dataclass(frozen=True, eq=False)
class Parts:
    """What a net's latency is made of.

    Attributes:
        ms: milliseconds of every layer, and at the end what is spent beside them.
        kernels_beside: how many kernels run beside the layers.
    """

    ms: Floats
    kernels_beside: int


class NetModel:
    """Latency of a net as the sum over its kernels and what is spent beside them.

    Args:
        net: whose latency.
        table: kernel times of the target.

    Raises:
        MeasurementError: the table is empty.
    """

    def __init__(self, net: PrunableNet, table: KernelTable) -> None:
        self.kernels = KernelModel(table.times)
        self._net = net
        self._weights = self.kernels.weights(net.shapes(net.full))
        rows, times = [], []
        for rest in table.rests:
            if rest.net == net.signature:
                shapes = net.shapes_of(rest.channels)
                rows.append(self._beside(shapes, self.kernels.paths(shapes))[0])
                times.append(rest.ms)
        self._rest = RestModel(rows, np.array(times, np.float64))

    def layer_ms(self, widths: dict[str, int]) -> Floats:
        """Milliseconds of every layer.

        Args:
            widths: kept channels per group.
        """
        shapes = self._net.shapes(widths)
        return times_of(shapes, self.kernels.paths(shapes), self._weights)

    def parts(self, widths: dict[str, int]) -> Parts:
        """The latency of every layer, and of what runs beside them.

        Args:
            widths: kept channels per group.
        """
        shapes = self._net.shapes(widths)
        paths = self.kernels.paths(shapes)
        row, kernels = self._beside(shapes, paths)
        layers = times_of(shapes, paths, self._weights)
        return Parts(np.append(layers, self._rest.predict(row)), kernels)

    def ms(self, widths: dict[str, int]) -> float:
        """Milliseconds of the whole net.

        Args:
            widths: kept channels per group.
        """
        return float(self.parts(widths).ms.sum())

    def _beside(self, shapes: Shapes, paths: Paths) -> tuple[Floats, int]:
        """What the time beside the layers is a non-negative combination of, and its kernels."""
        found = beside(self._net.steps, shapes, paths, self.kernels.block)
        if not self._net.by_operator:
            return found.features, found.kernels
        # Where a runtime fuses little, what is slow beside the layers (a shortcut that is cut out
        # and padded) hangs on what some of them write.
        return np.append(found.features, shapes.written * shapes.out_pixels), found.kernels

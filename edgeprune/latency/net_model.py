"""The kernels of one net put together: an estimate of its latency at any widths."""

import numpy as np

from edgeprune.latency.costs import Floats
from edgeprune.latency.kernel_model import KernelModel, times_of
from edgeprune.latency.net import PrunableNet
from edgeprune.latency.rest import RestModel, rest_features
from edgeprune.latency.table import KernelTable


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
                rows.append(rest_features(shapes, self.kernels.paths(shapes)))
                times.append(rest.ms)
        self._rest = RestModel(rows, np.array(times, np.float64))

    def layer_ms(self, widths: dict[str, int]) -> Floats:
        """Milliseconds of every layer.

        Args:
            widths: kept channels per group.
        """
        shapes = self._net.shapes(widths)
        return times_of(shapes, self.kernels.paths(shapes), self._weights)

    def parts_ms(self, widths: dict[str, int]) -> Floats:
        """Milliseconds of every layer, and at the end what is spent beside them.

        Args:
            widths: kept channels per group.
        """
        shapes = self._net.shapes(widths)
        paths = self.kernels.paths(shapes)
        beside = self._rest.predict(rest_features(shapes, paths))
        return np.append(times_of(shapes, paths, self._weights), beside)

    def ms(self, widths: dict[str, int]) -> float:
        """Milliseconds of the whole net.

        Args:
            widths: kept channels per group.
        """
        return float(self.parts_ms(widths).sum())

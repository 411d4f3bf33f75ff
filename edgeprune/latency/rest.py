"""What a net spends beside its layers: additions, pooling, laying data out anew."""

import numpy as np

from edgeprune.latency.costs import Floats
from edgeprune.latency.fitting import fit

#: Prior of the weights beside one sample: there are few samples.
_STRENGTH = 1e-3


class RestModel:
    """Time beside the layers, of the nets of one architecture.

    Args:
        rows: `NetModel`'s features of the nets that were measured; none: it is all nothing.
        times: of the same.
    """

    def __init__(self, rows: list[Floats], times: Floats) -> None:
        self._weights = fit(np.stack(rows), times, strength=_STRENGTH) if rows else None

    def predict(self, row: Floats) -> float:
        """Time beside the layers.

        Args:
            row: features of a net.
        """
        return 0.0 if self._weights is None else float(row @ self._weights)

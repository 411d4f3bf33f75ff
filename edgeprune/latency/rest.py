"""What a net spends beside its layers: additions, pooling, laying data out anew."""

import numpy as np

from edgeprune.latency.alignment import FEW, UNALIGNED, Paths
from edgeprune.latency.costs import Floats
from edgeprune.latency.features import Shapes
from edgeprune.latency.fitting import fit

#: Prior of the weights beside one sample: there are few samples.
_STRENGTH = 1e-3


class RestModel:
    """Time beside the layers, of the nets of one architecture.

    A runtime lays data out anew where one layer takes another path than the layer before it (see
    `alignment`). Which layers those are changes with the widths.

    Args:
        rows: `rest_features` of the nets that were measured; none: it is all nothing.
        times: of the same.
    """

    def __init__(self, rows: list[Floats], times: Floats) -> None:
        self._weights = fit(np.stack(rows), times, strength=_STRENGTH) if rows else None

    def predict(self, row: Floats) -> float:
        """Time beside the layers.

        Args:
            row: `rest_features` of a net.
        """
        return 0.0 if self._weights is None else float(row @ self._weights)


def rest_features(shapes: Shapes, paths: Paths, *, by_layer: bool = False) -> Floats:
    """What the time beside the layers is a non-negative combination of.

    Args:
        shapes: of the layers, in the order in which they run.
        paths: of the same.
        by_layer: also what each layer writes for itself: where a runtime fuses little, what is
            slow beside the layers (a shortcut that is cut out and padded) hangs on some of them.
    """
    own = shapes.written * shapes.out_pixels if by_layer else np.empty(0)
    there = shapes.written > 0  # the layers of removed branches have no channels
    read = (shapes.read * shapes.pixels)[there]
    written = (shapes.written * shapes.out_pixels)[there]
    paths = paths[there]
    slow = paths == UNALIGNED
    after_slow = np.concatenate([[False], slow[:-1]])
    changed = np.concatenate([[False], paths[1:] != paths[:-1]])
    into, back = read * (slow & ~after_slow), read * (~slow & after_slow)
    sums = np.array(
        [
            1.0,
            written.sum(),
            (read * slow).sum(),
            (written * slow).sum(),
            (read * changed).sum(),
            (read * (paths == FEW)).sum(),
            slow.sum(),
            changed.sum(),
            into.sum(),
            back.sum(),
            # What does not fit a cache costs more for each element.
            (into**2).sum() * 1e-6,
            (back**2).sum() * 1e-6,
        ]
    )
    return np.concatenate([sums, own])

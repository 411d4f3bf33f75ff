"""What widths will take of size and memory, fitted to a few files that were looked at."""

import math
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from edgeprune.pipeline.records.amounts import Taken
from edgeprune.pruning import ChannelSpace
from edgeprune.pruning.arena import Layout
from edgeprune.search import Widths

Prediction = Callable[[Widths], float]

_BYTES = 4
#: Blocks of channels and what convolutions read them by, and portions of their working memory, that
#: runtimes are known to have (ONNX Runtime on x86 has 8 or 16, on ARM none or 4).
_BLOCKS = ((1, 1), (4, 4), (8, 4), (16, 4))
_SCRATCH = 16384
#: How far a prediction may be off those it was fitted to and still be believed as it is.
_LARGEST_MARGIN = 0.1


def size_prediction(space: ChannelSpace, seen: Sequence[Taken]) -> Prediction:
    """Bytes of a file: so many for each parameter, each convolution's weight, and each layer.

    Args:
        space: what is cut.
        seen: files that were written, the base's among them.
    """

    def row(widths: Widths) -> list[float]:
        costs = space.layer_costs(widths)
        layers = float(np.count_nonzero(costs.weights))
        return [1.0, space.params(widths), float(costs.weights.sum()), layers]

    rows = np.array([row(one.widths) for one in seen])
    sizes = np.array([one.values["size"] for one in seen])
    scale = np.abs(rows).max(axis=0)
    weights = np.linalg.lstsq(rows / scale / sizes[:, None], np.ones(len(seen)), rcond=None)[0]
    return _with_margin(lambda widths: float(row(widths) @ (weights / scale)), seen, "size")


def memory_prediction(space: ChannelSpace, seen: Sequence[Taken], threads: int) -> Prediction:
    """Bytes of activations: by the layout of memory that explains what was seen best.

    Args:
        space: what is cut.
        seen: networks that were measured, the base first.
        threads: of the runtime.
    """
    fitted = [one for layout in _layouts(threads) for one in _calibrated(space, layout, seen)]
    best = min(fitted, key=lambda one: _worst(one, seen, "peak_memory"))
    return _with_margin(best, seen, "peak_memory")


def _layouts(threads: int) -> Iterator[Layout]:
    for block, multiple in _BLOCKS:
        for scratch in (0.0, float(_SCRATCH * threads)):
            yield Layout(True, block, multiple, scratch)
    for scratch in (0.0, math.inf):
        yield Layout(False, scratch=scratch)


def _calibrated(space: ChannelSpace, layout: Layout, seen: Sequence[Taken]) -> Iterator[Prediction]:
    """As it is but for what the runtime adds, or in proportion; the base comes out right."""
    counted = _BYTES * space.activation_elements(seen[0].widths, layout)
    base = seen[0].values["peak_memory"]

    def added(widths: Widths) -> float:
        return _BYTES * space.activation_elements(widths, layout) + base - counted

    def scaled(widths: Widths) -> float:
        return _BYTES * space.activation_elements(widths, layout) * base / counted

    yield added
    yield scaled


def _worst(prediction: Prediction, seen: Sequence[Taken], name: str) -> float:
    """How far measurements were above a prediction, or below it: as a share."""
    return max(abs(one.values[name] / max(prediction(one.widths), 1.0) - 1) for one in seen)


def _with_margin(prediction: Prediction, seen: Sequence[Taken], name: str) -> Prediction:
    """The same, as much higher as what was seen exceeds it."""
    above = max(one.values[name] / max(prediction(one.widths), 1.0) - 1 for one in seen)
    factor = 1 + min(max(above, 0.0), _LARGEST_MARGIN)
    return lambda widths: factor * prediction(widths)

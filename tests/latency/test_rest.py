"""What a net spends beside its layers."""

import numpy as np

from edgeprune.latency.features import Shapes
from edgeprune.latency.kernels import Kernel
from edgeprune.latency.rest import RestModel, rest_features


def _shapes(channels: list[int]) -> Shapes:
    kernels = [Kernel("conv", 16, one, 1, (3, 3), 1, (16, 16), (16, 16), 1) for one in channels]
    return Shapes.of(kernels)


def _error(by_layer: bool) -> float:
    """Largest relative error where only what the second layer writes takes time."""
    generator = np.random.default_rng(0)
    nets = [_shapes(generator.integers(4, 64, 6).tolist()) for _ in range(60)]
    paths = np.zeros(6, np.intp)
    rows = [rest_features(one, paths, by_layer=by_layer) for one in nets]
    times = np.array([0.01 + 1e-3 * one.written[1] for one in nets])
    model = RestModel(rows[:40], times[:40])
    found = np.array([model.predict(row) for row in rows[40:]])
    return float(np.abs(found / times[40:] - 1).max())


def test_what_hangs_on_one_layer_is_found_layer_by_layer() -> None:
    assert _error(by_layer=True) < 0.02
    assert _error(by_layer=False) > 0.3
